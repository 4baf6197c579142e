/** Faults of what follows an election and shows it. */
import { contract, unit, type Mutant } from './mutant.ts';

export const watchMutants: readonly Mutant[] = [
  {
    what: 'an election that does not exist is never seen to begin',
    file: 'zookeeper/session/watch-table.ts',
    find: "created: ['data'],",
    put: 'created: [],',
    noticedBy: unit('zookeeper/session/watch-table'),
  },
  {
    what: 'a change of the ledger is read once and never again',
    file: 'zookeeper/report/mirror.ts',
    find: "if (name !== BASE && event !== 'deleted') return this.#mark(name);",
    put: "if (name !== BASE && event !== 'deleted') return name === CHILDREN ? this.#mark(name) : undefined;",
    noticedBy: contract('follow', 'seen as it begins'),
  },
  {
    what: 'a lease that looks old by a clock that differs is shown before its next heartbeat',
    file: 'zookeeper/report/follow.ts',
    find: 'if (sight.ensembleClock === undefined && now < this.#tellBy) return this.#tellBy;',
    put: '',
    noticedBy: contract('follow', 'waits for a heartbeat'),
  },
  {
    what: 'what is not known any more grows older on the screen',
    file: 'cli/watch/scene.ts',
    find: "connection.state === 'lost' ? connection.since : now",
    put: 'now',
    noticedBy: unit('cli/watch/layout', 'stand still'),
  },
  {
    what: 'nothing is said of a lease that runs out',
    file: 'cli/watch/scene.ts',
    find: 'hasExpired: expiresIn !== undefined && expiresIn <= 0',
    put: 'hasExpired: false',
    noticedBy: unit('cli/watch/scene'),
  },
  {
    what: 'a row is as wide as its name, whatever the terminal',
    file: 'cli/watch/cells.ts',
    find: 'const kept = cut(text, left);',
    put: 'const kept = text;',
    noticedBy: unit('cli/watch/layout', 'never exceeded'),
  },
];
