/** Faults of what the command is told, and of the configuration. */
import { unit, type Mutant } from './mutant.ts';

const environment = { file: 'cli/environment.ts', noticedBy: unit('cli/environment') };

export const commandMutants: readonly Mutant[] = [
  {
    what: 'an outer ballot’s BALLOT_TICK reaches the command',
    ...environment,
    find: ', BALLOT_TICK: _tick, ...inherited }',
    put: ', ...inherited }',
  },
  {
    what: 'an outer ballot’s fencing token reaches a command that runs without leadership',
    ...environment,
    find: '{ BALLOT_FENCING_TOKEN: _token, BALLOT_TICK: _tick',
    put: '{ BALLOT_TICK: _tick',
  },
  {
    what: 'localhost and 127.0.0.1 count as two ensembles: a ballot stands in the election that it is the command of',
    ...environment,
    find: ".split(',').map(plainLoopback);",
    put: ".split(',');",
  },
];
