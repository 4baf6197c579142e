import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseLedger, LEDGER } from '../../../../src/ledger/record.ts';
import { type ElectionFolder, folderOf } from '../../../../src/local/folder.ts';
import { readLease } from '../../../../src/local/lease.ts';
import { holdersOf } from '../../../../src/local/processes.ts';
import { readQueue } from '../../../../src/local/queue.ts';
import type { ElectionReport } from '../../../../src/election/report.ts';
import { localRegister, localStandings } from '../../../../src/local/standings.ts';
import { poll } from '../../../support/poll.ts';
import type { Arena, Seen } from '../arena.ts';

/** An election on this host, in a state folder of its own. */
export class LocalArena implements Arena {
  readonly #stateDir = mkdtempSync(join(tmpdir(), 'ballot-faults-'));
  readonly #election = 'faults';

  get folder(): ElectionFolder {
    return folderOf(this.#stateDir, this.#election);
  }

  candidate(): ReturnType<Arena['candidate']> {
    return { flags: { coordinator: 'local', 'state-dir': this.#stateDir, election: this.#election } };
  }

  look(): Promise<Seen | undefined> {
    return Promise.resolve().then(() => {
      const lease = readLease(this.folder.lease);
      const proposals = readQueue(this.folder.queue).living.map(({ path }) => path);
      if (lease.kind !== 'written') return { lease: { kind: 'free', why: lease.kind }, proposals };
      const { state, process, candidateId, fencingToken } = lease.record;
      if (state !== 'held') return { lease: { kind: 'free', why: state }, proposals };
      return { lease: { kind: 'held', pid: String(process.pid), candidateId, fencingToken }, proposals };
    });
  }

  /** What `ballot info` would say. */
  standings(): ElectionReport {
    return localStandings(this.folder);
  }

  /** The next leader has to reserve its token. Within one boot nothing else follows. */
  forgetReservations(): void {
    const { path } = this.folder;
    for (const name of readdirSync(path)) if (/^tokens\.\d+$/.test(name)) rmSync(join(path, name));
  }

  /** The ledger can be read, and so can the lease. */
  inspect(): readonly string[] {
    const ledger = parseLedger(localRegister(this.folder, LEDGER));
    const lease = readLease(this.folder.lease);
    return [
      ...(ledger.kind === 'unreadable' ? [`the ledger cannot be read: ${ledger.why}`] : []),
      ...(lease.kind === 'written' ? [] : [`the lease is ${lease.kind}`]),
    ];
  }

  /** No unfinished write, no place of somebody who has gone, no old version of the ledger, no process with the lock. */
  async leftOver(): Promise<readonly string[]> {
    const { path, queue, registers, lock } = this.folder;
    const list = (): string[] => {
      const drafts = [path, queue, registers].flatMap((folder) =>
        readdirSync(folder).filter((f) => f.endsWith('.tmp')),
      );
      const versions = readdirSync(registers).slice(1);
      const holders = holdersOf(statSync(lock)).map(({ pid, name }) => `process ${pid} ${name} with the lock`);
      return [...drafts, ...readdirSync(queue), ...versions, ...holders];
    };
    await poll(() => list().length === 0, { timeout: 10_000 }).catch(() => undefined);
    return [...list().map((what) => `left behind: ${what}`), ...this.inspect()];
  }

  [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#stateDir, { recursive: true, force: true });
    return Promise.resolve();
  }
}
