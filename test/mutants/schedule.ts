/** Faults of schedules, ticks and the ledger. */
import { unit, type Mutant } from './mutant.ts';

const calendar = unit('schedule/calendar', 'where the clocks change');

export const scheduleMutants: readonly Mutant[] = [
  {
    what: 'a change of the clocks by a whole day is not looked back for',
    file: 'schedule/schedule.ts',
    find: 'const LONGEST_CHANGE_MS = 2 * 86_400_000;',
    put: 'const LONGEST_CHANGE_MS = 4 * 3_600_000;',
    noticedBy: calendar,
  },
];
