/** The ledger of runs: content, wire format, idempotent changes. Pure; instants are whole ms since the Unix epoch. */
import type { Run } from '../election/election.ts';
import {
  type Fields,
  type Form,
  type Forms,
  isObject,
  parseObject,
  plain,
  readFields,
  writtenFields,
} from '../json-fields.ts';
import { excerptOf } from '../visible.ts';
import type { Service } from './service.ts';

export type RunOutcome =
  | 'succeeded'
  | 'failed'
  | 'timed out'
  | 'stopped'
  | 'replaced'
  /** Its leader was gone before it recorded the end: it may have started, and may have ended in any way. */
  | 'lost'
  | 'not started';

/** A run of a tick. */
export type TickRecord = RunRecord & { readonly tick: number };

/** What became of a run. */
export interface RunEnding {
  readonly end: number;
  readonly outcome: RunOutcome;
  readonly exitCode?: number;
  readonly skipped?: number;
}

/** A run, and what became of it. Without an outcome it is open: it runs, or nobody has closed it yet. */
export interface RunRecord extends Run {
  readonly candidateId: string;
  readonly start: number;
  /** `undefined` also for a run that is lost: nobody knows. */
  readonly end?: number;
  /** A newer ballot may know more words: what is read is kept. */
  readonly outcome?: RunOutcome;
  readonly exitCode?: number;
  /** How many ticks were skipped while it ran. */
  readonly skipped?: number;
  /** What a newer ballot wrote besides: kept, and written back. */
  readonly unknownFields?: Readonly<Record<string, unknown>>;
}

export interface Ledger {
  /** The term that wrote it last. No earlier term writes any more. */
  readonly fencingToken: number;
  /** How many terms have opened it. Ledgers of older ballots do not say. */
  readonly terms?: number;
  /** Every tick up to here is settled: started, skipped or given up. None of them is ever started (again). */
  readonly through?: number;
  /** When the term that wrote it last resigned in order. */
  readonly handedOver?: number;
  /** What that term serves: `through` is about this schedule in this zone. Absent in ledgers of older ballots. */
  readonly schedule?: string;
  readonly timezone?: string;
  /** Who that is. */
  readonly candidateId?: string;
  readonly hostname?: string;
  /** Oldest first. */
  readonly runs: readonly RunRecord[];
  readonly unknownFields?: Readonly<Record<string, unknown>>;
}

export type ParsedLedger =
  | { readonly kind: 'empty' }
  | { readonly kind: 'ledger'; readonly ledger: Ledger }
  /** `excerpt` is printable and at most 80 characters long. */
  | { readonly kind: 'unreadable'; readonly why: string; readonly excerpt: string };

/** Name of its register in the election. */
export const LEDGER = 'runs';

/** So many runs are written. */
export const MOST_RUNS = 50;

/** Half of what ZooKeeper takes in one register (`jute.maxbuffer`), bytes. */
const MOST_BYTES = 512 * 1024;

/** The ledger of an election that never had one. */
export const EMPTY_LEDGER: Ledger = { fencingToken: 0, runs: [] };

/** Whether the end of a run has not been recorded yet. */
export function isOpen(run: RunRecord): boolean {
  return run.outcome === undefined;
}

/** Takes the ledger over: `through` never goes back, others' open runs are lost, it is handed over no more. */
export function opened(
  ledger: Ledger,
  token: number,
  through: number | undefined,
  service: Service | undefined,
): Ledger {
  const runs = ledger.runs.map((run) => (isOpen(run) && run.fencingToken !== token ? lose(run) : run));
  const settled = through === undefined ? {} : { through: later(ledger.through, through) };
  // A term that opens it twice counts once.
  const terms = ledger.fencingToken === token ? (ledger.terms ?? 1) : (ledger.terms ?? 0) + 1;
  return { ...without(ledger, 'handedOver'), fencingToken: token, terms, ...settled, ...service, runs };
}

function lose(run: RunRecord): RunRecord {
  return { ...run, outcome: 'lost' };
}

/** The runs that `opened` closes. */
export function lostRuns({ runs }: Ledger, token: number): RunRecord[] {
  return runs.filter((run) => isOpen(run) && run.fencingToken !== token).map(lose);
}

/** Enters a run, whose tick is settled with that. Changes nothing when its tick was settled before. */
export function entered(ledger: Ledger, record: TickRecord): Ledger {
  if (ledger.through !== undefined && record.tick <= ledger.through) return ledger;
  return { ...ledger, through: record.tick, runs: [...ledger.runs, record] };
}

/** Notes a run of no tick: it settles nothing. */
export function noted(ledger: Ledger, record: RunRecord): Ledger {
  if (ledger.runs.some(({ runId }) => runId === record.runId)) return ledger;
  return { ...ledger, runs: [...ledger.runs, record] };
}

/**
 * Takes an entry back whose run was not started. Its tick is no longer settled, if nothing later was: `before` is what
 * `through` was when it was entered. Changes nothing when there is no such open run: its tick may have been entered
 * again since.
 */
export function withdrawn(ledger: Ledger, runId: string, before: number | undefined): Ledger {
  const entry = ledger.runs.find((run) => run.runId === runId && isOpen(run));
  if (entry === undefined) return ledger;
  const runs = ledger.runs.filter((run) => run !== entry);
  const left = ledger.through === entry.tick ? before : ledger.through;
  return left === undefined ? { ...without(ledger, 'through'), runs } : { ...ledger, through: left, runs };
}

/** Records the end of a run. The first ending counts. */
export function closed(ledger: Ledger, runId: string, ending: RunEnding): Ledger {
  if (!ledger.runs.some((run) => run.runId === runId && isOpen(run))) return ledger;
  const runs = ledger.runs.map((run) => (run.runId === runId && isOpen(run) ? { ...run, ...ending } : run));
  return { ...ledger, runs };
}

/** Settles the ticks up to `through` without a run. */
export function skipped(ledger: Ledger, through: number): Ledger {
  return ledger.through !== undefined && through <= ledger.through ? ledger : { ...ledger, through };
}

/** The term that writes it resigns in order; ticks up to `through` are settled with that. */
export function handedOver(ledger: Ledger, at: number, through: number): Ledger {
  return { ...skipped(ledger, through), handedOver: at };
}

/** The term that was about to resign goes on. */
export function resumed(ledger: Ledger): Ledger {
  return ledger.handedOver === undefined ? ledger : { ...without(ledger, 'handedOver') };
}

function without<Key extends keyof Ledger>(ledger: Ledger, key: Key): Omit<Ledger, Key> {
  return Object.fromEntries(Object.entries(ledger).filter(([name]) => name !== key)) as unknown as Omit<Ledger, Key>;
}

function later(a: number | undefined, b: number): number {
  return a === undefined ? b : Math.max(a, b);
}

/**
 * At most so many runs, 50 by default, and 512 KiB: the oldest runs are dropped first, open runs last; then the fields
 * that this ballot does not know.
 */
export function limited(ledger: Ledger, runs = MOST_RUNS): Ledger {
  let left = ledger;
  while (left.runs.length > runs) left = withoutOldest(left);
  while (isTooLarge(left)) {
    if (left.runs.length === 0) return without(left, 'unknownFields');
    left = withoutOldest(left);
  }
  return left;
}

function withoutOldest(ledger: Ledger): Ledger {
  const oldest = ledger.runs.find((run) => !isOpen(run)) ?? ledger.runs[0];
  return { ...ledger, runs: ledger.runs.filter((run) => run !== oldest) };
}

function isTooLarge(ledger: Ledger): boolean {
  return Buffer.byteLength(textOf(ledger)) > MOST_BYTES;
}

/** The bytes of a ledger, within its limits. */
export function encodeLedger(ledger: Ledger): Buffer {
  return Buffer.from(textOf(limited(ledger)), 'utf8');
}

function textOf({ runs, ...ledger }: Ledger): string {
  const facts = JSON.stringify({ ...writtenFields(ledger, LEDGER_FIELDS), runs: [] });
  return `${facts.slice(0, -']}'.length)}${runs.map(textOfRun).join(',')}]}`;
}

/**
 * A record never changes, and stands in each write until fifty later ones have pushed it out; a handover waits for the
 * write.
 */
const textsOfRuns = new WeakMap<RunRecord, string>();

function textOfRun(run: RunRecord): string {
  const known = textsOfRuns.get(run);
  if (known !== undefined) return known;
  const written = JSON.stringify(writtenFields(run, RUN_FIELDS));
  textsOfRuns.set(run, written);
  return written;
}

const text = plain('text', (value) => typeof value === 'string');
const whole = plain('a whole number', (value) => Number.isSafeInteger(value) && (value as number) >= 0);
const instant: Form = {
  is: 'an instant in UTC',
  read: (value) => (typeof value === 'string' ? parseInstant(value) : undefined),
  write: (value) => formatInstant(value as number),
};

/** In the order of writing, `runs` last. */
const LEDGER_FIELDS: Forms = {
  fencingToken: whole,
  through: instant,
  handedOver: instant,
  schedule: text,
  timezone: text,
  candidateId: text,
  hostname: text,
  terms: whole,
};

const RUN_FIELDS: Forms = {
  runId: text,
  tick: instant,
  candidateId: text,
  fencingToken: whole,
  start: instant,
  end: instant,
  outcome: text,
  exitCode: whole,
  skipped: whole,
};

/** Understands the register's data. Never throws, whatever it is. */
export function parseLedger(data: Buffer): ParsedLedger {
  if (data.length === 0) return { kind: 'empty' };
  const ledger = data.length > MOST_BYTES ? `${data.length} bytes, more than ${MOST_BYTES}` : readLedger(data);
  if (typeof ledger === 'string') return { kind: 'unreadable', why: ledger, excerpt: excerptOf(data) };
  return { kind: 'ledger', ledger };
}

/** The ledger, or why there is none. */
function readLedger(data: Buffer): Ledger | string {
  const json = parseObject(data);
  if (typeof json === 'string') return json;
  const { runs: list, ...facts } = json;
  const ledger = readFields(facts, LEDGER_FIELDS, ['fencingToken']);
  if (typeof ledger === 'string') return ledger;
  if (!Array.isArray(list)) return list === undefined ? 'runs is missing' : 'runs is not a list';
  const runs: Fields[] = [];
  for (const [index, item] of list.entries()) {
    const run = isObject(item) ? readFields(item, RUN_FIELDS, ['runId', 'candidateId', 'start']) : 'not a JSON object';
    if (typeof run === 'string') return `runs[${index}]: ${run}`;
    runs.push(run);
  }
  return { ...ledger, runs } as unknown as Ledger;
}

/** ISO 8601 in UTC, with milliseconds only if there are any: `2026-11-21T11:00:00Z`. */
export function formatInstant(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}

const INSTANT = /^(?:\d{4}|[+-]\d{6})-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/;

/** What `formatInstant` writes. `undefined` for anything else. */
function parseInstant(iso: string): number | undefined {
  const ms = INSTANT.test(iso) ? Date.parse(iso) : NaN;
  // A day that the month does not have rolls over into the next one.
  const day = Number(iso.slice(iso.indexOf('T') - 2, iso.indexOf('T')));
  return Number.isNaN(ms) || new Date(ms).getUTCDate() !== day ? undefined : ms;
}
