/**
 * The wire format of the lease and of proposals: JSON, byte for byte as Go's ballot writes it for the fields that both
 * know, so that candidates of both kinds can stand in one election. Fields that only this ballot knows come after Go's;
 * Go's reader ignores them.
 */
import { parseDuration } from '../../duration.ts';
import { orUndefined } from '../../errors.ts';
import {
  type Fields,
  type Form,
  type Forms,
  parseObject,
  plain,
  readFields,
  writtenFields,
} from '../../json-fields.ts';
import { excerptOf } from '../../visible.ts';

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

/** Data of a proposal. A missing field is the empty string, and is left out when written, as Go does. */
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

const text: Form = {
  ...plain('a string', (value) => typeof value === 'string'),
  write: (value) => (value === '' ? undefined : value),
};
const whole = plain('a number', Number.isSafeInteger);
const truth = plain('a boolean', (value) => typeof value === 'boolean');

/** Every field that has a meaning, in the order of writing: Go's struct first, ours after. */
const FIELDS: Forms = {
  candidateId: text,
  hostname: text,
  pid: text,
  proposalTime: text,
  proposalNode: text,
  sessionTimeout: text,
  lastSeenTime: text,
  leaseDuration: text,
  fencingToken: whole,
  runId: text,
  schedule: text,
  timezone: text,
  commandDigest: text,
  onLeaseLoss: text,
  mixedFleet: truth,
  leaderSince: text,
};

/** A record without them has empty texts. */
const NO_TEXTS = { hostname: '', pid: '', proposalTime: '', sessionTimeout: '' };

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

/** What Go's encoder escapes beyond what JSON needs, so that the text may stand inside HTML. */
const ESCAPED_BY_GO = /[<>&\u2028\u2029]/g;

/** The bytes of a lease. */
export function encodeLease(record: LeaseRecord): Buffer {
  return encodeProposal(record);
}

/** The bytes of a proposal. */
export function encodeProposal(record: ProposalRecord): Buffer {
  const json = JSON.stringify(writtenFields(record, FIELDS)).replace(
    ESCAPED_BY_GO,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return Buffer.from(json, 'utf8');
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

/** The record's fields, or why there are none. */
function parseFields(data: Buffer, needed: readonly string[]): Fields | string {
  const json = data.length === 0 ? 'no data' : parseObject(data);
  if (typeof json === 'string') return json;
  // Go leaves a field as it is when the JSON says null, and does not write an empty one.
  const fields = readFields(json, FIELDS, needed, (value) => value === null || value === '');
  return typeof fields === 'string' ? fields : { ...NO_TEXTS, ...fields };
}

/** Milliseconds of a record's duration; `undefined` when there is none, or none that is positive. */
export function usableDuration(duration: string | undefined): number | undefined {
  const ms = orUndefined(() => parseDuration(duration ?? ''));
  return ms !== undefined && ms > 0 ? ms : undefined;
}

function unreadable(data: Buffer, why: string): Unreadable {
  return { kind: 'unreadable', why, excerpt: excerptOf(data) };
}
