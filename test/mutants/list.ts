import { accessMutants } from './access.ts';
import { candidateMutants } from './candidate.ts';
import { commandMutants } from './command.ts';
import { electionMutants } from './election.ts';
import { keeperMutants } from './keeper.ts';
import { localMutants } from './local.ts';
import type { Mutant } from './mutant.ts';
import { scheduleMutants } from './schedule.ts';
import { supervisorMutants } from './supervisor.ts';
import { watchMutants } from './watch.ts';

/** All of them, by subject. */
export const mutants: readonly Mutant[] = [
  ...supervisorMutants,
  ...electionMutants,
  ...keeperMutants,
  ...scheduleMutants,
  ...commandMutants,
  ...accessMutants,
  ...candidateMutants,
  ...localMutants,
  ...watchMutants,
];
