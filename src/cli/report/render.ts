/** The report of `ballot info` as text. */
import { formatDuration } from '../../duration.ts';
import { dotted } from '../../visible.ts';
import type { CandidateReport, ElectionReport, LeaderReport, LeaseReport } from '../../election/report.ts';
import type { RunRecord } from '../../ledger/record.ts';
import type { OutputFormat } from '../command-context.ts';
import { leadingTerm, runDocument, runsLine } from './runs.ts';
import type { ScheduleDocument } from './schedules.ts';
import { align, jsonText } from './print.ts';

/**
 * The whole text, with its last newline. `runs`: the last ones, oldest first. Keys, order and indentation of `yaml` and
 * `json` are those of Go's ballot; what only ours knows comes after.
 */
export async function render(
  report: ElectionReport,
  format: OutputFormat,
  runs: readonly RunRecord[] = [],
  schedule?: ScheduleDocument,
): Promise<string> {
  switch (format) {
    case 'yaml':
      return (await import('./yaml.ts')).yamlText(documentOf(report, runs, schedule, YAML_KEYS));
    case 'json':
      return jsonText(jsonDocument(report, runs, schedule));
    case 'table':
      return table(report, runs, schedule);
  }
}

/** What `json` prints, before it is text. */
export function jsonDocument(report: ElectionReport, runs: readonly RunRecord[], schedule: Served): Document {
  return { leader: {}, candidates: [], ...documentOf(report, runs, schedule, JSON_KEYS) };
}

type Document = Record<string, unknown>;

type Served = ScheduleDocument | undefined;

const JSON_KEYS = { candidates: 'candidates', id: 'candidateId', host: 'hostname' };
const YAML_KEYS = { candidates: 'allCandidates', id: 'id', host: 'host' };

function documentOf(
  report: ElectionReport,
  runs: readonly RunRecord[],
  schedule: Served,
  keys: typeof JSON_KEYS,
): Document {
  const person = (who: CandidateReport): Document => withoutEmpty(candidateDocument(who, keys));
  return withoutEmpty({
    leader: report.leader && person(report.leader),
    [keys.candidates]: report.candidates.map(person),
    lease: report.lease && leaseDocument(report.lease),
    runs: runs.map((run) => runDocument(run, leadingTerm(report))),
    schedule,
    notes: report.notes,
  });
}

function candidateDocument(candidate: CandidateReport | LeaderReport, keys: typeof JSON_KEYS): Document {
  return {
    [keys.id]: candidate.candidateId,
    [keys.host]: candidate.hostname,
    pid: candidate.pid,
    proposalTime: candidate.proposalTime,
    proposalNode: candidate.proposalNode,
    sessionTimeout: candidate.sessionTimeout,
    notes: candidate.notes,
    ...('lastSeenTime' in candidate ? { lastSeenTime: candidate.lastSeenTime } : {}),
    schedule: candidate.schedule,
    timezone: candidate.timezone,
  };
}

function leaseDocument(lease: LeaseReport): Document {
  const { expiresIn } = lease;
  return withoutEmpty({
    state: lease.state,
    holder: lease.holder,
    leaderSince: lease.leaderSince,
    terms: lease.terms,
    duration: duration(lease.duration),
    age: duration(lease.age),
    expiresIn: expiresIn !== undefined && expiresIn > 0 ? duration(expiresIn) : undefined,
    expired: expiresIn !== undefined && expiresIn <= 0 ? `${duration(-expiresIn)} ago` : undefined,
    fencingToken: lease.fencingToken,
    runId: lease.runId,
    why: lease.why,
    excerpt: lease.excerpt,
    notes: lease.notes,
  });
}

function duration(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : formatDuration(Math.round(ms));
}

/** What is not known, or empty, is left out, as Go's ballot does. */
function withoutEmpty(document: Document): Document {
  const said = ([, value]: [string, unknown]): boolean =>
    value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(document).filter(said));
}

const COLUMNS = ['', 'CANDIDATE', 'HOST', 'PID', 'PROPOSAL', 'NOTES'];

function table(report: ElectionReport, runs: readonly RunRecord[], schedule: Served): string {
  const last = [
    ...(runs.length === 0 ? [] : [runsLine(runs, leadingTerm(report))]),
    ...(schedule === undefined ? [] : [scheduleLine(schedule)]),
    ...(report.notes ?? []).map(dotted),
  ];
  if (report.lease === undefined) return ['nobody leads, nobody stands', ...last, ''].join('\n');
  const { leader } = report;
  const stands = report.candidates.some(({ proposalNode }) => proposalNode === leader?.proposalNode);
  const people = leader === undefined || stands ? report.candidates : [leader, ...report.candidates];
  const rows = people.map((person) => row(person, leader));
  const cells = report.candidates.length === 0 && leader === undefined ? [] : [COLUMNS, ...rows];
  return [leaseLine(report.lease), ...last, ...align(cells), ''].join('\n');
}

function scheduleLine({ schedule, timezone, nextTick }: ScheduleDocument): string {
  return dotted(`schedule: ${schedule} in ${timezone}, next tick ${nextTick ?? 'not known'}`);
}

/** The leader's row says what the lease says of it and what its proposal says. */
function row(person: CandidateReport, leader: LeaderReport | undefined): string[] {
  const leads = leader !== undefined && person.proposalNode === leader.proposalNode;
  const notes = leads ? new Set([...leader.notes, ...person.notes]) : person.notes;
  const proposal = person.proposalNode.slice(person.proposalNode.lastIndexOf('/') + 1);
  return [leads ? '*' : '', person.candidateId, person.hostname, person.pid, proposal, [...notes].join('; ')].map(
    dotted,
  );
}

function leaseLine(lease: LeaseReport): string {
  const { holder, notes, ...facts } = leaseDocument(lease);
  const { state, ...rest } = facts;
  const details = Object.entries(rest).map(([name, value]) => `${name} ${String(value)}`);
  const head = typeof holder === 'string' ? `lease: held by ${holder}` : `lease: ${String(state)}`;
  return dotted([head, ...details, ...((notes as string[] | undefined) ?? [])].join(', '));
}
