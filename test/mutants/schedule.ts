/** Faults of schedules, ticks and the ledger. */
import { unit, type Mutant } from './mutant.ts';

const calendar = unit('cron/calendar', 'where the clocks change');

const ledger = unit('ledger/record');
const runLedger = unit('ledger/ledger');

export const scheduleMutants: readonly Mutant[] = [
  {
    what: 'a change of the clocks by a whole day is not looked back for',
    file: 'cron/schedule.ts',
    find: 'const LONGEST_CHANGE_MS = 2 * 86_400_000;',
    put: 'const LONGEST_CHANGE_MS = 4 * 3_600_000;',
    noticedBy: calendar,
  },
  {
    what: 'a local time that the clocks leave out has no tick',
    file: 'cron/schedule.ts',
    find: 'return skipped !== undefined && skipped < change + before + forward;',
    put: 'return false;',
    noticedBy: calendar,
  },
  {
    what: 'a local time that comes twice has two ticks',
    file: 'cron/schedule.ts',
    find: 'this.#repeats ? after : Math.max(before, after)',
    put: 'after',
    noticedBy: calendar,
  },
  {
    what: 'where both fields of days are restricted only one of them counts',
    file: 'cron/calendar.ts',
    find: "if (days.length > 0) rules.push([days.join(','), '*']);",
    put: '',
    noticedBy: unit('cron/calendar', '^days'),
  },
  {
    what: 'a tick that is noticed an hour late is served all the same',
    file: 'cron/ticks.ts',
    find: 'export const ON_TIME_MS = 2 * LOOK_EVERY_MS;',
    put: 'export const ON_TIME_MS = 1000 * LOOK_EVERY_MS;',
    noticedBy: unit('cron/ticks'),
  },
  {
    what: 'a wall clock that is set forward is noticed when the wait is over, however long that is',
    file: 'cron/ticks.ts',
    find: 'Math.min(Math.max(next - clock.wall(), 1), LOOK_EVERY_MS)',
    put: 'Math.max(next - clock.wall(), 1)',
    noticedBy: unit('cron/ticks'),
  },
  {
    what: 'a missed tick is made up however old it is',
    file: 'ledger/catch-up.ts',
    find: ' && now - tick <= (startDeadline ?? Infinity)',
    put: '',
    noticedBy: unit('ledger/catch-up'),
  },
  {
    what: 'a tick of the schedule before is made up by the one that has replaced it',
    file: 'ledger/catch-up.ts',
    find: 'past.isOfAnother ? Math.max(past.through ?? now, now) : (past.through ?? now)',
    put: 'past.through ?? now',
    noticedBy: unit('ledger/catch-up'),
  },
  {
    what: 'a tick that is settled is entered again',
    file: 'ledger/record.ts',
    find: 'if (ledger.through !== undefined && record.tick <= ledger.through) return ledger;',
    put: '',
    noticedBy: ledger,
  },
  {
    what: 'runs that an earlier term has left open stay open',
    file: 'ledger/record.ts',
    find: 'isOpen(run) && run.fencingToken !== token ? lose(run) : run',
    put: 'run',
    noticedBy: ledger,
  },
  {
    what: 'an entry that is taken back unsettles a later tick',
    file: 'ledger/record.ts',
    find: 'const left = ledger.through === entry.tick ? before : ledger.through;',
    put: 'const left = before;',
    noticedBy: ledger,
  },
  {
    what: 'a full ledger forgets a run that still runs before one that has ended',
    file: 'ledger/record.ts',
    find: 'ledger.runs.find((run) => !isOpen(run)) ?? ledger.runs[0]',
    put: 'ledger.runs[0]',
    noticedBy: ledger,
  },
  {
    what: 'an answer to an earlier write counts as one to an entry, and the next tick waits as long again',
    file: 'ledger/ledger.ts',
    find: 'asked.term.hasWritten(asked.revision)) return 0;',
    put: 'asked.term.hasWritten(1)) return 0;',
    noticedBy: runLedger,
  },
  {
    what: 'an entry that is never written pushes out an earlier run',
    file: 'ledger/writer.ts',
    find: 'limited(changed, MOST_KEPT)',
    put: 'limited(changed)',
    noticedBy: runLedger,
  },
  {
    what: 'a run that a later one has pushed out is written again when that is withdrawn',
    file: 'ledger/writer.ts',
    find: 'if (written !== ledger) this.#forget(ledger.runs.filter((run) => !written.runs.includes(run)));',
    put: '',
    noticedBy: runLedger,
  },
  {
    what: 'a leader writes on in the ledger of a later term',
    file: 'ledger/writer.ts',
    find: 'if (!this.wrote(fencingToken, birth)) throw new FencedError(this.token, fencingToken);',
    put: '',
    noticedBy: runLedger,
  },
  {
    what: 'a tick counts as entered before its entry is acknowledged',
    file: 'ledger/ledger.ts',
    find: "const answer = await term.written(timeout);\n    if (answer === 'fenced') this.withdraw(runId);",
    put: "const answer = 'written' as string;\n    if (answer === 'fenced') this.withdraw(runId);",
    noticedBy: runLedger,
  },
  {
    what: 'a ledger of a later term is opened by an earlier one',
    file: 'ledger/ledger.ts',
    find: 'if (fencingToken <= stamp) throw new FencedError(token, fencingToken);',
    put: '',
    noticedBy: runLedger,
  },
];
