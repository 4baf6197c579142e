/**
 * The wire format of the lease and of proposals: JSON, byte for byte as Go's ballot writes it for the fields that both
 * know, so that candidates of both kinds can stand in one election. Fields that only this ballot knows come after Go's;
 * Go's reader ignores them.
 */
import { parseDuration } from '../../duration.ts';
import { excerptOf } from '../../excerpt.ts';

export { formatGoTime } from './go-time.ts';

/** Who stands or leads, as written to a znode. */
export interface Candidate {
  readonly candidateId: string;
  readonly hostname: string;
  /** Text, never a number: Go's reader refuses the whole record otherwise. */
  readonly pid: string;
  /** What a candidate of `run cron` serves when it leads: the schedule without its zone, and the zone's IANA name. */
  readonly schedule?: string;
  readonly timezone?: string;
  /** Tells two commands apart without naming them. Written only under the default base path. */
  readonly commandDigest?: string;
}

/**
 * Data of a proposal. A field that the znode did not carry is the empty string, and is left out when written, as Go
 * does.
 */
export interface ProposalRecord extends Candidate {
  /** Go's `Time.String()` text. */
  readonly proposalTime: string;
  /** Go duration. */
  readonly sessionTimeout: string;
  /** What this candidate's lease lasts when it leads. */
  readonly leaseDuration?: string;
  /** Only in the leader's own proposal. */
  readonly lastSeenTime?: string;
  /** The candidate's `on-lease-loss`. */
  readonly onLeaseLoss?: string;
  /** Written when it is true. */
  readonly mixedFleet?: boolean;
  /** What a newer or other ballot wrote besides: kept, and written back. */
  readonly unknownFields?: Readonly<Record<string, unknown>>;
}

/** Data of the base znode while somebody leads. */
export interface LeaseRecord extends ProposalRecord {
  /** Full path of the holder's proposal. */
  readonly proposalNode: string;
  readonly lastSeenTime: string;
  readonly leaseDuration?: string;
  readonly fencingToken?: number;
  readonly runId?: string;
  /** Go's `Time.String()` text: when the term was claimed, by the clock of its holder. */
  readonly leaderSince?: string;
}

/** A znode whose data cannot be understood. `excerpt` is printable and at most 80 characters long. */
export interface Unreadable {
  readonly kind: 'unreadable';
  readonly why: string;
  readonly excerpt: string;
}

export type Lease =
  | { readonly kind: 'vacant' }
  /**
   * `duration`: how long others wait after the last heartbeat, ms; the record's `leaseDuration`, else its
   * `sessionTimeout`. `undefined` when neither is a positive duration: then the reader's own session timeout counts.
   */
  | { readonly kind: 'held'; readonly record: LeaseRecord; readonly duration: number | undefined }
  | Unreadable;

export type Proposal = { readonly kind: 'readable'; readonly record: ProposalRecord } | Unreadable;

/** Every field that has a meaning, with its type, in the order of writing: Go's struct first, ours after. */
const FIELDS = {
  candidateId: 'string',
  hostname: 'string',
  pid: 'string',
  proposalTime: 'string',
  proposalNode: 'string',
  sessionTimeout: 'string',
  lastSeenTime: 'string',
  leaseDuration: 'string',
  fencingToken: 'number',
  runId: 'string',
  schedule: 'string',
  timezone: 'string',
  commandDigest: 'string',
  onLeaseLoss: 'string',
  mixedFleet: 'boolean',
  leaderSince: 'string',
} as const;

const TEXT_FIELDS = ['hostname', 'pid', 'proposalTime', 'sessionTimeout'] as const;

/** Understands the base znode's data. Never throws. */
export function parseLease(data: Buffer): Lease {
  if (data.length === 0) return { kind: 'vacant' };
  const fields = parseFields(data, ['candidateId', 'proposalNode']);
  if (typeof fields === 'string') return unreadable(data, fields);
  const record = { lastSeenTime: '', ...fields } as unknown as LeaseRecord;
  return {
    kind: 'held',
    record,
    duration: usableDuration(record.leaseDuration) ?? usableDuration(record.sessionTimeout),
  };
}

/** Understands a proposal's data. Never throws. */
export function parseProposal(data: Buffer): Proposal {
  const fields = parseFields(data, ['candidateId']);
  if (typeof fields === 'string') return unreadable(data, fields);
  return { kind: 'readable', record: fields as unknown as ProposalRecord };
}

/** The bytes of a lease. */
export function encodeLease(record: LeaseRecord): Buffer {
  return encode(record);
}

/** The bytes of a proposal. */
export function encodeProposal(record: ProposalRecord): Buffer {
  return encode(record);
}

/** True when both records were written under the same claim: by the same candidate, for the same place in the queue. */
export function sameClaim(a: LeaseRecord, b: LeaseRecord): boolean {
  return (
    a.candidateId === b.candidateId &&
    a.hostname === b.hostname &&
    a.pid === b.pid &&
    a.proposalNode === b.proposalNode &&
    a.proposalTime === b.proposalTime
  );
}

type Fields = Record<string, unknown>;

/** The record's fields, or why there are none. */
function parseFields(data: Buffer, needed: readonly (keyof typeof FIELDS)[]): Fields | string {
  if (data.length === 0) return 'no data';
  let json: unknown;
  try {
    json = JSON.parse(data.toString('utf8'));
  } catch {
    return 'not JSON';
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'not a JSON object';
  return typedFields(json as Fields, needed);
}

function typedFields(json: Fields, needed: readonly (keyof typeof FIELDS)[]): Fields | string {
  const fields: Fields = Object.fromEntries(TEXT_FIELDS.map((name) => [name, '']));
  const unknown: [string, unknown][] = [];
  for (const [name, value] of Object.entries(json)) {
    if (!isField(name)) unknown.push([name, value]);
    else if (!hasType(value, FIELDS[name])) return `${name} is not a ${FIELDS[name]}`;
    // Go leaves a field as it is when the JSON says null.
    else if (value !== null) fields[name] = value;
  }
  const missing = needed.find((name) => !fields[name]);
  if (missing !== undefined) return `${missing} is missing`;
  if (unknown.length > 0) fields['unknownFields'] = Object.fromEntries(unknown);
  return fields;
}

function isField(name: string): name is keyof typeof FIELDS {
  return Object.hasOwn(FIELDS, name);
}

function hasType(value: unknown, type: 'string' | 'number' | 'boolean'): boolean {
  if (value === null) return true;
  return type === 'number' ? Number.isSafeInteger(value) : typeof value === type;
}

/** Milliseconds of a record's duration; `undefined` when there is none, or none that is positive. */
export function usableDuration(text: string | undefined): number | undefined {
  try {
    const ms = parseDuration(text ?? '');
    return ms > 0 ? ms : undefined;
  } catch {
    return undefined;
  }
}

/** What Go's encoder escapes beyond what JSON needs, so that the text may stand inside HTML. */
const ESCAPED_BY_GO = /[<>&\u2028\u2029]/g;

function encode(record: ProposalRecord): Buffer {
  const known = record as unknown as Fields;
  const said = Object.keys(FIELDS)
    .map((name) => [name, known[name]] as const)
    .filter(([, value]) => value !== undefined && value !== '');
  const unknown = Object.entries(record.unknownFields ?? {}).filter(([name]) => !isField(name));
  const json = JSON.stringify(Object.fromEntries([...said, ...unknown])).replace(
    ESCAPED_BY_GO,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return Buffer.from(json, 'utf8');
}

function unreadable(data: Buffer, why: string): Unreadable {
  return { kind: 'unreadable', why, excerpt: excerptOf(data) };
}
