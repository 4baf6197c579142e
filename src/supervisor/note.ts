/** What transitions say to the log. Pure. */
import type { LossCause, Succession } from '../election/election.ts';
import { formatInstant } from '../ledger/record.ts';
import type { Plan, Effect, Level, On, State } from './state.ts';

type Facts = Readonly<Record<string, string | number | undefined>>;

type Note = Extract<Effect, { kind: 'note' }>;

/** A line of the log; fields that are not known are left out. */
export function note(level: Level, message: string, fields: Facts = {}): Note {
  const known = Object.entries(fields).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  return { kind: 'note', level, message, fields: Object.fromEntries(known) };
}

/** A line about one run: the supervisor adds the run's id, and its tick. */
export function runNote(level: Level, message: string, { run }: { readonly run: number }, fields: Facts = {}): Note {
  return { ...note(level, message, fields), run };
}

/** A length of time in seconds, for people. */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)}s`;

const WHY_ELECTED: Readonly<Record<Succession['why'], string>> = {
  first: 'nobody has led before',
  resigned: 'resigned',
  expired: 'its lease ran out without a renewal',
  vacant: 'the lease was vacant',
};

/** Says from whom the lead was taken over, and why. */
export function electedNote({ leadership, succession }: On<'elected'>, message: string, fields: Facts = {}): Effect {
  const why = succession && WHY_ELECTED[succession.why];
  return note('info', message, { term: leadership.term, ...fields, from: succession?.from, why });
}

/** A campaign beside a run, or beside a schedule, has failed. */
export function failureNote({ failure }: On<'electionFailed'>, meanwhile: string): Effect {
  const level = failure.kind === 'bug' ? 'error' : 'warn';
  return note(level, `the election failed; ${meanwhile}`, { why: failure.message });
}

/** A renewal was not acknowledged in time. */
export function unconfirmedNote(state: State, { term, why }: On<'leaseUnconfirmed'>, { onLeaseLoss }: Plan): Effect {
  const runs = state.name === 'running' || state.name === 'stopping';
  const beforeEnd = runs ? 'the command is stopped before the lease runs out' : 'it is given up before it runs out';
  const what = onLeaseLoss === 'keep' ? 'staying in role until it is known to be lost' : beforeEnd;
  return note('warn', `the lease cannot be renewed; ${what}`, { term, why });
}

/** Somebody else leads, or the keeper has given the lease up. */
export function lossNote({ term, cause }: On<'leaseLost'>): Effect {
  return note('error', 'the lease is lost', { term, why: reasonOf(cause) });
}

/** What a request to step down leads to. */
export function stepDownNote({ term, by }: On<'stepDownAsked'>, what: string, fields: Facts = {}): Effect {
  return note('info', `asked to step down: ${what}`, { term, by, ...fields });
}

function reasonOf(cause: LossCause): string {
  switch (cause.kind) {
    case 'wiped':
      return 'its znode is gone';
    case 'stoodStill':
      return `this process, or its host, stood still for ${seconds(cause.ms)}: its keeper may have given the lease up`;
    case 'claimed':
    case 'released':
      return `${cause.kind} by ${cause.by}`;
  }
}

/** No tick can be served in this term. */
export function ledgerNote({ term, failure }: On<'ledgerFailed'>): Effect {
  return note('error', 'the ledger of runs cannot be used', { term, why: failure.message });
}

/** A tick is passed over. */
export function skipNote(tick: number, why: string, fields: Facts = {}): Effect {
  return note('info', 'tick skipped', { tick: formatInstant(tick), why, ...fields });
}
