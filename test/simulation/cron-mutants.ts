/** What `run cron` has for safeguards, taken away one at a time. */
import { encodeLedger, isOpen, parseLedger } from '../../src/ledger/record.ts';
import type { Found, RunLedger } from '../../src/ledger/ledger.ts';
import type { Session } from '../../src/zookeeper/session/port.ts';
import type { Mutant } from './mutants.ts';
import { like, sessionsWith } from './mutations.ts';
import type { Parts } from './parts.ts';

const ledgersWith = (change: (real: RunLedger) => Partial<RunLedger>): Parts => ({
  ledger: (real) => like(real, change(real)),
});

/** The supervisor finds something else in the ledger than there is. */
const findingsWith = (change: (found: Found) => Found): Parts =>
  ledgersWith((real) => ({
    open: async (token, settle, signal) => change(await real.open(token, (found) => settle(change(found)), signal)),
  }));

/** Reads a ledger as if the runs that nobody has closed had never been entered. */
function forgetful(data: Buffer): Buffer {
  const parsed = parseLedger(data);
  if (parsed.kind !== 'ledger') return data;
  const { runs, through } = parsed.ledger;
  const open = runs.filter(isOpen);
  if (through === undefined || !open.some(({ tick }) => tick === through)) return data;
  return encodeLedger({ ...parsed.ledger, runs: runs.filter((run) => !isOpen(run)), through: through - 1 });
}

/** Whoever has written the ledger goes on to find its own token in it. */
function unfenced(session: Session): Partial<Session> {
  let own: string | undefined;
  const fence = /"fencingToken":\d+/;
  return {
    set: (path, data, version, options) => {
      if (path.endsWith('/runs')) own = fence.exec(String(data))?.[0];
      return session.set(path, data, version, options);
    },
    get: async (path, options) => {
      const node = await session.get(path, options);
      if (!path.endsWith('/runs') || own === undefined) return node;
      return { ...node, data: Buffer.from(String(node.data).replace(fence, own)) };
    },
  };
}

/** Whoever reads the ledger is told something else. */
const ledgerReads = (change: (data: Buffer) => Buffer): Parts =>
  sessionsWith((session) => ({
    get: async (path, options) => {
      const node = await session.get(path, options);
      return path.endsWith('/runs') ? { ...node, data: change(node.data) } : node;
    },
  }));

/** Ticks of the last few seconds are not settled. */
function early(found: Found): Found {
  return found.through === undefined ? found : { ...found, through: found.through - 10_000 };
}

async function enterTaken(real: RunLedger, ...[record, timeout]: Parameters<RunLedger['enter']>) {
  const answer = await real.enter(record, timeout);
  return answer === 'taken' ? 'entered' : answer;
}

export const cronMutants = {
  ledgerVersion: {
    what: 'the version under which the ledger is written',
    mode: 'cron',
    theme: 'keep',
    parts: sessionsWith((session) => ({
      set: (path, data, version, options) => session.set(path, data, path.endsWith('/runs') ? -1 : version, options),
    })),
  },
  fence: {
    what: 'the fence of the ledger',
    mode: 'cron',
    theme: 'keep',
    parts: sessionsWith(unfenced),
  },
  opening: {
    what: 'the wait for the ledger to be opened',
    mode: 'cron',
    theme: 'keep',
    parts: ledgersWith((real) => ({
      open: (token, settle, signal) => {
        const found = { through: undefined, handedOver: undefined, service: undefined, lost: [] };
        settle(found);
        real.open(token, settle, signal).catch(() => undefined);
        return Promise.resolve(found);
      },
    })),
  },
  settled: {
    what: 'what is known of ticks that are settled, by the leader and by its ledger',
    mode: 'cron',
    theme: 'keep',
    parts: ledgersWith((real) => ({
      open: async (token, settle, signal) => early(await real.open(token, (found) => settle(early(found)), signal)),
      enter: (record, timeout) => enterTaken(real, record, timeout),
    })),
  },
  lost: {
    what: 'that a lost run is not run again',
    mode: 'cron',
    theme: 'rates',
    parts: ledgerReads(forgetful),
  },
  handover: {
    what: 'the mark of a handover',
    mode: 'cron',
    theme: 'rates',
    from: 1_000_042,
    parts: findingsWith((found) => ({ ...found, handedOver: undefined })),
  },
  entries: {
    what: 'the entry of a tick before its start',
    mode: 'cron',
    theme: 'rates',
    parts: ledgersWith((real) => ({
      enter: (record, timeout) => {
        void real.enter(record, timeout);
        return Promise.resolve('entered');
      },
    })),
  },
  endings: {
    what: 'the ends of runs in the ledger',
    mode: 'cron',
    theme: 'rates',
    parts: ledgersWith(() => ({ close: () => undefined })),
  },
} as const satisfies Readonly<Record<string, Mutant>>;

/** Of the two safeguards of `settled`, each alone suffices. */
export const cronSpare = {
  taken: {
    what: 'the refusal of a tick that is settled: no leader begins with one',
    mode: 'cron',
    theme: 'keep',
    parts: ledgersWith((real) => ({ enter: (record, timeout) => enterTaken(real, record, timeout) })),
  },
  findings: {
    what: 'what the leader knows of ticks that are settled: the ledger refuses them',
    mode: 'cron',
    theme: 'keep',
    parts: findingsWith(early),
  },
} as const satisfies Readonly<Record<string, Mutant>>;
