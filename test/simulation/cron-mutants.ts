/** What `run cron` has for safeguards, taken away one at a time. */
import type { Found, RunLedger } from '../../src/schedule/run-ledger.ts';
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

/** Lost runs are ticks that nobody has started. */
function forgotten(found: Found): Found {
  const [first] = found.lost;
  return first === undefined ? found : { ...found, through: first.tick - 1 };
}

/** Reads a ledger as if no later term had written it. */
function unfenced(data: Buffer): Buffer {
  return Buffer.from(String(data).replace(/"fencingToken":\d+/, '"fencingToken":0'));
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
    parts: sessionsWith((session) => ({
      get: async (path, options) => {
        const node = await session.get(path, options);
        return path.endsWith('/runs') ? { ...node, data: unfenced(node.data) } : node;
      },
    })),
  },
  opening: {
    what: 'the wait for the ledger to be opened',
    mode: 'cron',
    theme: 'keep',
    parts: ledgersWith((real) => ({
      open: (token, settle, signal) => {
        const found = { through: undefined, handedOver: undefined, lost: [] };
        settle(found);
        real.open(token, settle, signal).catch(() => undefined);
        return Promise.resolve(found);
      },
    })),
  },
  taken: {
    what: 'the refusal of a tick that is settled',
    mode: 'cron',
    theme: 'keep',
    parts: ledgersWith((real) => ({
      enter: async (record, timeout) => {
        const answer = await real.enter(record, timeout);
        return answer === 'taken' ? 'entered' : answer;
      },
    })),
  },
  lost: {
    what: 'that a lost run is not run again',
    mode: 'cron',
    theme: 'rates',
    parts: findingsWith(forgotten),
  },
  handover: {
    what: 'the mark of a handover',
    mode: 'cron',
    theme: 'rates',
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
