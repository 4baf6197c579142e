import { electionMutants } from './election.ts';
import type { Mutant } from './mutant.ts';
import { supervisorMutants } from './supervisor.ts';

/** All of them, by subject. */
export const mutants: readonly Mutant[] = [...supervisorMutants, ...electionMutants];
