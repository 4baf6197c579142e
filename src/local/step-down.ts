/**
 * Requests to step down: a file for each term that is asked to end, beside the lock. Its name has the term's number, so
 * a request means nothing to a later leader, whenever it is written or read, and nobody replaces another's.
 */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseObject } from '../json-fields.ts';
import { codeOf, createFile, diskError } from './disk.ts';
import type { ElectionFolder } from './folder.ts';

const NAME = /^step-down\.(\d+)\.json$/;

const pathOf = ({ path }: ElectionFolder, fencingToken: number): string => join(path, `step-down.${fencingToken}.json`);

/** Whether a file of the election's folder is a request for this term. */
export function isRequest(name: string, fencingToken: number): boolean {
  return NAME.exec(name)?.[1] === String(fencingToken);
}

/**
 * Writes a request. Returns who has asked first, in words: `by`, unless there is one already. Throws what `diskError`
 * makes.
 */
export function writeRequest(folder: ElectionFolder, fencingToken: number, by: string, wall: number): string {
  const path = pathOf(folder, fencingToken);
  const request = { fencingToken, by, time: new Date(wall).toISOString() };
  try {
    // It concerns living processes alone: no disk is waited for.
    if (createFile(path, `${JSON.stringify(request)}\n`, 'over a crash of ballot')) return by;
  } catch (error) {
    throw diskError('cannot write', path, error);
  }
  return whoAsked(folder, fencingToken) ?? by;
}

/** Who asks this term to end; `undefined`: nobody, or that cannot be read. */
export function whoAsked(folder: ElectionFolder, fencingToken: number): string | undefined {
  let data: Buffer;
  try {
    data = readFileSync(pathOf(folder, fencingToken));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw diskError('cannot read', pathOf(folder, fencingToken), error);
  }
  const json = parseObject(data);
  return typeof json !== 'string' && typeof json['by'] === 'string' ? json['by'] : undefined;
}

/** Removes the requests for terms before this one. To be called by its leader. Throws what the system throws. */
export function removeEarlierRequests({ path }: ElectionFolder, fencingToken: number): void {
  for (const name of readdirSync(path)) {
    const [, token] = NAME.exec(name) ?? [];
    if (token !== undefined && Number(token) < fencingToken) rmSync(join(path, name), { force: true });
  }
}

/**
 * Whether the request was written after the lease was written last. False in doubt: the clock of a file system has
 * ticks of some milliseconds. True when the request is not there any more: a later leader has removed it.
 */
export function wasWrittenAfter(folder: ElectionFolder, fencingToken: number): boolean {
  const request = changedAt(pathOf(folder, fencingToken));
  const lease = changedAt(folder.lease);
  return request === undefined || (lease !== undefined && request > lease);
}

/** Ns by the file system's clock; `undefined`: it is not there. */
function changedAt(path: string): bigint | undefined {
  try {
    return statSync(path, { bigint: true }).ctimeNs;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw diskError('cannot look at', path, error);
  }
}
