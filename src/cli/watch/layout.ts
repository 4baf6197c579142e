/** The rows of a scene, as many and as wide as there is room for. Pure. */
import { formatDuration } from '../../duration.ts';
import { dotted } from '../../visible.ts';
import type { Moment } from '../../election/observer.ts';
import { isOrdinary, type CandidateReport, type LeaseReport } from '../../election/report.ts';
import type { RunDocument } from '../report/runs.ts';
import { LAST_RUNS } from '../report/picture.ts';
import { cut, fitted, span, widthOf, type Row, type Span, type Style } from './cells.ts';
import { elapsed, type Scene } from './scene.ts';

/** Columns and rows of a terminal, or as many as there may be. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface Layout {
  /** None is wider than the size allows; the last may be fewer. */
  readonly rows: readonly Row[];
  /** How many candidates stand before the first that is shown: what was asked for, as far as that is possible. */
  readonly first: number;
  /** How many candidates are shown. */
  readonly shown: number;
}

/** Below this many columns labels are short, and words that can be spared are. */
const NARROW = 40;

/** So many rows are kept for candidates: the heading, two of them, and how many more there are. */
const TABLE_ROWS = 4;

/** Lays the scene out. `first`: so many candidates are left out at the top. `keys`: the last row, if there is room. */
export function layout(scene: Scene, moment: Moment, size: Size, first = 0, keys = ''): Layout {
  const { rows, ...place } = bodyOf(scene, moment, size, first);
  if (keys === '' || rows.length >= size.rows) return { rows: rows.slice(0, size.rows), ...place };
  const gap = Array.from({ length: size.rows - rows.length - 1 }, (): Row => []);
  return { rows: [...rows, ...gap, [span(keys, 'dim')]], ...place };
}

function bodyOf(scene: Scene, moment: Moment, size: Size, first: number): Layout {
  const { picture } = scene;
  const inRows = (facts: readonly Fact[]): Row[] => facts.map((fact) => rowOf(fact, size.columns));
  const needed = [title(scene), ...inRows(connection(scene, moment))];
  if (picture === undefined) return { ...NO_TABLE, rows: fit([...needed, ...inRows(notes(scene))], size) };
  const { candidates } = picture.election;
  needed.push(...inRows([leader(scene, moment), lease(scene, moment, size.columns)]));
  const extra = inRows([...runs(scene, moment), ...schedule(scene, moment), ...notes(scene), ...lastRuns(scene)]);
  const room = Math.max(0, size.rows - needed.length - Math.min(TABLE_ROWS, candidates.length + 1) - 1);
  const head = [...needed, ...fit(extra, { ...size, rows: room })];
  if (candidates.length === 0) return { ...NO_TABLE, rows: head };
  const { rows, ...place } = tableOf(scene, moment, { ...size, rows: size.rows - head.length - 1 }, first);
  return { ...place, rows: rows.length === 0 ? head : [...head, [], ...rows] };
}

/** As many of the rows as there is room for; the last says how many are left out. */
function fit(rows: readonly Row[], size: Size): readonly Row[] {
  if (rows.length <= size.rows) return rows;
  const kept = Math.max(0, size.rows - 1);
  return size.rows < 1 ? [] : [...rows.slice(0, kept), [span(`… ${rows.length - kept} more rows`, 'dim')]];
}

/** One row above the table. */
interface Fact {
  readonly label: keyof typeof LABELS;
  readonly spans: readonly Span[];
}

/** What stands for them on a narrow terminal. */
const LABELS = {
  zookeeper: 'zk',
  'this host': 'host',
  leader: 'leader',
  lease: 'lease',
  run: 'run',
  'next tick': 'next',
  schedule: 'cron',
  'last runs': 'last',
  note: 'note',
  '': '',
} as const;

/** Columns of the labels, with a space after the longest. */
const LABEL_WIDTH = { wide: 10, narrow: 7 };

function labelled(label: Fact['label'], ...spans: readonly Span[]): Fact {
  return { label, spans };
}

function rowOf({ label, spans }: Fact, columns: number): Row {
  const isNarrow = columns < NARROW;
  const text = isNarrow ? LABELS[label].padEnd(LABEL_WIDTH.narrow) : label.padEnd(LABEL_WIDTH.wide);
  return [span(text, 'dim'), ...spans];
}

function title({ name, picture }: Scene): Row {
  const count = picture?.election.candidates.length;
  const said = count === undefined ? '' : `  ${count === 1 ? '1 candidate' : `${count} candidates`}`;
  return [span(name, 'bold'), span(said)];
}

function connection({ coordinator, connection: contact, servers }: Scene, { now, wall }: Moment): Fact[] {
  const since = inWords(now - contact.since);
  const label = coordinator === 'local' ? 'this host' : 'zookeeper';
  switch (contact.state) {
    case 'connecting': {
      const why = contact.why ?? `asking ${servers.join(', ')}`;
      return [labelled(label, span(`no answer for ${since}: `, 'warn'), span(why))];
    }
    case 'connected': {
      if (coordinator === 'local') return [labelled(label, span(contact.server, 'good'))];
      const others = servers.filter((name) => !contact.server.startsWith(name));
      const more = others.length === 0 ? '' : `, of ${contact.server.split(' ')[0]}, ${others.join(', ')}`;
      return [labelled(label, span(contact.server, 'good'), span(` answers${more}`))];
    }
    case 'lost': {
      const at = new Date(wall - (now - contact.since)).toISOString().slice(0, 19);
      return [
        labelled(label, span(`lost ${since} ago`, 'bad'), span(`: ${contact.why}`)),
        labelled('', span(`OLD: all below is as of ${at}Z`, 'warn')),
      ];
    }
  }
}

function leader(scene: Scene, { now }: Moment): Fact {
  const { leader: who, lease: held } = scene.picture?.election ?? {};
  if (who === undefined) return labelled('leader', span('nobody', 'bad'));
  const facts = [
    ` on ${who.hostname}, pid ${who.pid}`,
    held?.leadsFor === undefined ? '' : `, leads for ${inSeconds(held.leadsFor + elapsed(scene, now))}`,
    held?.fencingToken === undefined ? '' : `, token ${held.fencingToken}`,
  ];
  return labelled('leader', span(who.candidateId, 'good'), span(facts.join('')));
}

function lease(scene: Scene, { now }: Moment, columns: number): Fact {
  const held = scene.picture?.election.lease;
  if (held === undefined || held.state === 'vacant') return labelled('lease', span('vacant', 'warn'));
  const excerpt = held.excerpt === undefined || held.excerpt === '' ? '' : `: ${held.excerpt}`;
  if (held.state === 'unreadable') return labelled('lease', span(`unreadable: ${held.why}${excerpt}`, 'bad'));
  // On one host the kernel knows whether the holder lives: nothing is renewed, nothing runs out.
  if (held.age === undefined)
    return labelled('lease', held.expiresIn === undefined ? span('held', 'good') : span('its holder is gone', 'bad'));
  const older = elapsed(scene, now);
  const age = held.age + older;
  if (held.duration === undefined || held.expiresIn === undefined)
    return labelled('lease', span(`${inWords(age)} old, of unknown duration`, 'warn'));
  const left = held.expiresIn - older;
  const style: Style = left <= 0 ? 'bad' : scene.connection.state === 'lost' ? 'dim' : 'good';
  const bar = span(barOf(left / held.duration, columns), style);
  return labelled('lease', bar, span(` ${leaseInWords(held, age, left)}`, left <= 0 ? 'bad' : 'plain'));
}

/** How old it is comes first: on a narrow terminal the rest is cut. */
function leaseInWords({ duration = 0 }: LeaseReport, age: number, left: number): string {
  if (left <= 0) return `${inWords(age)} old, ran out ${inWords(-left)} ago`;
  return `${inWords(age)} old, ${inWords(left)} of ${formatDuration(duration)} left`;
}

const BAR = { least: 4, most: 20 };

/** `[########------------]`: a full bar is a lease that has just been renewed. */
function barOf(part: number, columns: number): string {
  const room = columns < NARROW ? BAR.least : Math.floor(columns / 5);
  const cells = Math.min(BAR.most, Math.max(BAR.least, room));
  const full = Math.ceil(Math.min(1, Math.max(0, part)) * cells);
  return `[${'#'.repeat(full)}${'-'.repeat(cells - full)}]`;
}

/** What runs at present. */
function runs(scene: Scene, { now, wall }: Moment): Fact[] {
  const election = scene.picture?.election;
  const all = scene.picture?.shown ?? [];
  const running = all.filter(({ outcome }) => outcome === 'running');
  if (running.length > 0) {
    const at = scene.connection.state === 'lost' ? wall - (now - scene.connection.since) : wall;
    return running.map((run) => {
      const tick = run.tick === undefined ? '' : `, tick ${run.tick}`;
      return labelled('run', span(run.runId, 'bold'), span(` for ${inWords(at - Date.parse(run.start))}${tick}`));
    });
  }
  // Not every leader enters its runs in the ledger. And the lease names a run that has ended until the next
  // heartbeat.
  const { runId } = election?.lease ?? {};
  const isKnown = all.some((run) => run.runId === runId);
  return [labelled('run', runId === undefined || isKnown ? span('none', 'dim') : span(runId, 'bold'))];
}

function schedule({ picture }: Scene, { wall }: Moment): Fact[] {
  if (picture?.schedule === undefined) return [];
  const { schedule: spec, timezone, nextTick } = picture.schedule;
  const next = nextTick === undefined ? 'none is known' : `in ${inWords(Date.parse(nextTick) - wall)}: ${nextTick}`;
  return [labelled('next tick', span(next)), labelled('schedule', span(`${spec} in ${timezone}`))];
}

function notes({ picture, notes: general }: Scene): Fact[] {
  const ofLease = picture?.election.lease?.notes ?? [];
  const ofLeader = (picture?.election.leader?.notes ?? []).filter((note) => !SHOWN.test(note));
  return [...general, ...ofLease, ...ofLeader].map((note) => labelled('note', span(note, 'warn')));
}

/** What the rows of leader and lease say, as of now. */
const SHOWN = /^(is leader$|last heartbeat [^ ]+ ago$|no heartbeat in the )/;

/** How it ended comes first: on a narrow terminal the rest is cut. */
function lastRuns({ picture }: Scene): Fact[] {
  const ended = (picture?.shown ?? []).filter(({ outcome }) => outcome !== 'running').slice(-LAST_RUNS);
  return ended.reverse().map((run, index) => labelled(index === 0 ? 'last runs' : '', ...runInWords(run)));
}

function runInWords({ tick, start, outcome, took, candidateId, exitCode }: RunDocument): Span[] {
  const style =
    outcome === 'succeeded' ? 'good' : /^(failed|timed out|lost|not started)$/.test(outcome) ? 'bad' : 'plain';
  const code = exitCode === undefined || exitCode === 0 ? '' : ` (${exitCode})`;
  const after = took === undefined ? '' : ` after ${took}`;
  return [
    span(outcome, style),
    span(`${code}${after} on ${candidateId}, ${tick === undefined ? '' : 'tick '}${tick ?? start}`),
  ];
}

const NO_TABLE: Layout = { rows: [], first: 0, shown: 0 };

/** The candidates in the order of the queue, as many as there is room for, from the `wanted` one on. */
function tableOf(scene: Scene, { now }: Moment, size: Size, wanted: number): Layout {
  const { candidates, leader: leading } = scene.picture?.election ?? { candidates: [], leader: undefined };
  const room = size.rows - 1;
  if (room < 1) return NO_TABLE;
  const all = candidates.length <= room;
  const shown = all ? candidates.length : room - 1;
  const first = all ? 0 : Math.max(0, Math.min(wanted, candidates.length - shown));
  const older = elapsed(scene, now);
  const isOld = scene.connection.state === 'lost';
  const some = candidates.slice(first, first + shown);
  const cells = some.map((candidate, index) => cellsOf(candidate, first + index + 1, older));
  const leads = some.map(({ proposalNode }) => proposalNode === leading?.proposalNode);
  const rows = aligned([HEADING, ...cells], size.columns).map((text, index): Row => {
    if (index === 0) return [span(text, 'dim')];
    return [span(leads[index - 1] === true ? '*' : ' ', 'good'), span(text.slice(1), isOld ? 'dim' : 'plain')];
  });
  if (!all) rows.push([span(moreOf(first, candidates.length - first - shown), 'dim')]);
  return { rows, first, shown };
}

function moreOf(above: number, below: number): string {
  return `… ${above + below} more${above === 0 ? '' : `: ${above} above, ${below} below`}`;
}

const HEADING = ['', '#', 'CANDIDATE', 'HOST', 'PID', 'STANDS FOR', 'NOTES'];
const [MARK, CANDIDATE, HOST, PID, AGE, NOTES] = [0, 2, 3, 4, 5, 6];

/** Columns of space before each. */
const GAPS = [0, 1, 2, 2, 2, 2, 2];

/** What is left out first where there is no room. */
const SPARED = [PID, AGE, HOST];

/** A long name is cut, but leaves so much, columns. */
const LEAST_NAME = 10;

/** Notes are left out where less than this would be left of them, columns. */
const LEAST_NOTES = 12;

function cellsOf(candidate: CandidateReport, place: number, older: number): string[] {
  const { candidateId, hostname, pid, standsFor, notes: all } = candidate;
  const age = standsFor === undefined ? '' : inSeconds(standsFor + older);
  const odd = all.filter((note) => !isOrdinary(note)).join('; ');
  return ['', String(place), candidateId, hostname, pid, age, odd].map(dotted);
}

/** The cells of each row below one another, without those that there is no room for. */
function aligned(rows: readonly (readonly string[])[], columns: number): string[] {
  const widths = widthsWithin(rows, columns);
  const placed = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return width === 0 ? '' : ' '.repeat(GAPS[column] ?? 0) + fitted(cell, width);
  };
  return rows.map((cells) => cut(cells.map(placed).join('').trimEnd(), columns));
}

/** How wide each column is; 0: it is left out. */
function widthsWithin(rows: readonly (readonly string[])[], columns: number): number[] {
  const widths = HEADING.map((_, column) => Math.max(...rows.map((cells) => widthOf(cells[column] ?? ''))));
  widths[MARK] = 1;
  const [name = 0, wanted = 0] = [widths[CANDIDATE], widths[NOTES]];
  widths[NOTES] = 0;
  const taken = (width: number, column: number): number => (width === 0 ? 0 : width + (GAPS[column] ?? 0));
  const left = (): number => columns - widths.map(taken).reduce((sum, width) => sum + width, 0);
  if (left() < 0)
    for (const column of [CANDIDATE, HOST])
      widths[column] = Math.min(widths[column] ?? 0, Math.max(LEAST_NAME, Math.floor(columns / 3)));
  for (const column of SPARED) if (left() < 0) widths[column] = 0;
  // Alone, the name gets what the others have left.
  if (widths[HOST] === 0) widths[CANDIDATE] = Math.min(name, Math.max(1, (widths[CANDIDATE] ?? 0) + left()));
  const room = left() - (GAPS[NOTES] ?? 0);
  if (room >= Math.min(LEAST_NOTES, wanted)) widths[NOTES] = Math.min(room, wanted);
  return widths;
}

/** A duration for people: to a tenth of a second, from ten seconds on to a second. */
function inWords(ms: number): string {
  return ms < 10_000 ? rounded(ms, 100) : inSeconds(ms);
}

/** Where a tenth of a second tells nothing, and would have a whole table drawn anew. */
function inSeconds(ms: number): string {
  return rounded(ms, 1_000);
}

function rounded(ms: number, grain: number): string {
  return formatDuration(Math.max(0, Math.floor(ms / grain) * grain));
}
