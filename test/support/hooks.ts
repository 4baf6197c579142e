/** What files of tests put up and take down in the same way. */
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Election, Term } from '../../src/election/election.ts';
import type { ServerAddress } from '../../src/config/config.ts';
import { createElection } from '../../src/zookeeper/election/election.ts';
import type { Session } from '../../src/zookeeper/session/port.ts';
import type { SessionsOptions } from '../../src/zookeeper/session/sessions.ts';
import { poll } from './poll.ts';
import { keepers, recorder, serversOf, sessionsAt, within } from './sessions.ts';
import type { SharedZooKeeper } from './stage.ts';
import { startZooKeeper, type Ensemble, type ZooKeeperOptions } from './zookeeper.ts';

/** A temporary folder for the tests of a file. It is removed after the last of them. */
export function useFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `ballot-${name}-`));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What a test opens, and what is closed after it. */
interface Openings {
  /** Takes what is to be done after the present test: the last first. */
  afterwards(work: () => unknown): void;
  /** Servers of the present test alone. */
  ensemble(options?: ZooKeeperOptions): Promise<Ensemble>;
  /** A session of 4 s unless options say otherwise, what opened it, and what was logged. */
  open(
    servers: readonly ServerAddress[],
    options?: Partial<SessionsOptions>,
  ): Promise<{ readonly zk: Session } & ReturnType<typeof sessionsAt>>;
}

/** For tests of sessions: when all is closed that a test has opened, no keeper of this process may be left. */
export function useOpenings(): Openings {
  const works: (() => unknown)[] = [];
  const afterwards = (work: () => unknown): void => void works.push(work);
  afterEach(async () => {
    for (const work of works.splice(0).reverse()) await work();
    await poll(() => keepers().length === 0, { what: 'no keeper left' });
  });
  return {
    afterwards,
    async ensemble(options) {
      const started = await startZooKeeper(options);
      afterwards(() => started.close());
      return started;
    },
    async open(servers, options) {
      const { opener, lines } = sessionsAt(servers, options);
      const zk = await opener.open(within);
      afterwards(() => zk.close(1000));
      return { zk, opener, lines };
    },
  };
}

/**
 * Returns a function that lets this very process stand in an election, and resolves when it leads. After the present
 * test it leaves.
 */
export function useElections(
  zookeeper: SharedZooKeeper,
): (basePath: string, candidateId: string) => Promise<{ readonly election: Election; readonly term: Term }> {
  const elections: Election[] = [];
  afterEach(() => Promise.all(elections.splice(0).map((election) => election.close(3000))));
  return async (basePath, candidateId) => {
    const election = createElection({
      sessions: sessionsAt(serversOf(zookeeper)).opener,
      clock: systemClock,
      logger: recorder().logger,
      basePath,
      candidate: { candidateId, hostname: hostname(), pid: String(process.pid) },
      sessionTimeout: 4000,
      leaseDuration: undefined,
      mixedFleet: false,
      stop: { onLeaseLoss: 'keep', stopSignal: 'SIGTERM', killAfter: 10_000, mark: () => [] },
    });
    elections.push(election);
    const signal = AbortSignal.timeout(10_000);
    return { election, term: await election.campaign({ signal, patience: { opening: 5000, standing: 5000 } }) };
  };
}
