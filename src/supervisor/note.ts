/** What transitions say to the log. Pure. */
import { whyElected, whyLost } from '../election/words.ts';
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

/** Says from whom the lead was taken over, and why. */
export function electedNote({ leadership, succession }: On<'elected'>, message: string, fields: Facts = {}): Effect {
  const why = succession && whyElected(succession);
  return note('info', message, { term: leadership.term, ...fields, from: succession?.from, why });
}

/** A campaign beside a run, or beside a schedule, has failed. */
export function failureNote({ failure }: On<'electionFailed'>, level: Level, meanwhile: string): Effect {
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
  return note('error', 'the lease is lost', { term, why: whyLost(cause) });
}

/** What a request to step down leads to. */
export function stepDownNote({ term, by }: On<'stepDownAsked'>, what: string, fields: Facts = {}): Effect {
  return note('info', `asked to step down: ${what}`, { term, by, ...fields });
}

/** No tick can be served in this term. */
export function ledgerNote({ term, failure }: On<'ledgerFailed'>): Effect {
  return note('error', 'the ledger of runs cannot be used', { term, why: failure.message });
}

/** A tick is passed over. */
export function skipNote(tick: number, why: string, fields: Facts = {}): Effect {
  return note('info', 'tick skipped', { tick: formatInstant(tick), why, ...fields });
}
