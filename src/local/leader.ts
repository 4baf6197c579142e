/** Who leads, as the files and the kernel say to one who does not hold the lock. */
import { statSync } from 'node:fs';
import { codeOf, diskError } from './disk.ts';
import type { ElectionFolder } from './folder.ts';
import { type LeaseRecord, readLease } from './lease.ts';
import { lives } from './processes.ts';

/** `gone`: the last leader has not resigned, and leads no more; `why`, in words. `never`: nobody has led here yet. */
export type Leadership =
  | { readonly kind: 'held'; readonly record: LeaseRecord }
  | { readonly kind: 'gone'; readonly record: LeaseRecord; readonly why: string }
  | { readonly kind: 'unreadable'; readonly why: string }
  | { readonly kind: 'vacant' | 'never' };

/** Throws what `diskError` makes. */
export function leadershipIn(folder: ElectionFolder): Leadership {
  const lease = readLease(folder.lease);
  if (lease.kind !== 'written') return lease;
  const { record } = lease;
  if (record.state !== 'held') return { kind: 'vacant' };
  if (!lives(record.process)) return { kind: 'gone', record, why: 'its process is gone, and has not resigned' };
  const { lockInode } = record;
  if (lockInode === undefined || inodeOf(folder.lock) === lockInode) return { kind: 'held', record };
  return { kind: 'gone', record, why: 'the lock file was deleted or replaced: its lease is lost' };
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined;
    throw diskError('cannot look at', path, error);
  }
}
