/** What `ballot watch` shows at a moment, and what has changed since another. Pure. */
import type { CandidateReport } from '../../election/report.ts';
import type { Coordinator } from '../../config/config.ts';
import type { Connection } from '../../election/observer.ts';
import { LAST_RUNS, type Picture } from '../report/picture.ts';

/** All that is known. Instants are monotonic ms where nothing else is said. */
export interface Scene {
  readonly coordinator: Coordinator;
  /** The election's path. */
  readonly name: string;
  /** As configured; none with coordinator local. */
  readonly servers: readonly string[];
  readonly connection: Connection;
  /** As it was when contact was lost, unless the connection is `connected`. `undefined`: nothing was read yet. */
  readonly picture: Picture | undefined;
  /** When its ages were right. */
  readonly picturedAt: number;
  /** On the election as a whole, and on the servers. */
  readonly notes: readonly string[];
}

/** How much older all ages of the picture are at `now`. They stand still while it is not known what is. */
export function elapsed({ connection, picturedAt }: Scene, now: number): number {
  return Math.max(0, (connection.state === 'lost' ? connection.since : now) - picturedAt);
}

/** What can change, in the order of the report. */
export type Section = 'connection' | 'leader' | 'candidates' | 'lease' | 'runs' | 'schedule' | 'notes';

/** The text of each section, without what only grows older. */
export type Sections = Readonly<Record<Section, string | undefined>>;

/** What changes are looked for in. A heartbeat changes none of it; that a lease runs out does. */
export function sectionsOf({ connection, picture, notes }: Scene): Sections {
  const server = connection.state === 'connected' ? connection.server : undefined;
  const { leader, candidates, lease } = picture?.election ?? { leader: undefined, candidates: [], lease: undefined };
  const { age: _age, expiresIn, leadsFor: _leadsFor, notes: _notes, ...held } = lease ?? {};
  const { schedule, timezone } = picture?.schedule ?? {};
  return {
    connection: textOf({ state: connection.state, server }),
    leader: textOf(leader && person(leader)),
    candidates: candidates.length === 0 ? undefined : textOf(candidates.map(person)),
    lease: textOf(lease && { ...held, hasExpired: expiresIn !== undefined && expiresIn <= 0 }),
    runs: picture === undefined || picture.runs.length === 0 ? undefined : textOf(picture.shown.slice(-LAST_RUNS)),
    schedule: textOf(schedule === undefined ? undefined : { schedule, timezone }),
    notes: notes.length === 0 ? undefined : textOf(notes),
  };
}

/** What differs between two moments. `before` is `undefined` at the first: then all that is there. */
export function changesBetween(before: Sections | undefined, after: Sections): Section[] {
  return (Object.keys(after) as Section[]).filter((section) => before?.[section] !== after[section]);
}

function person({ notes: _notes, standsFor: _standsFor, ...facts }: CandidateReport): object {
  const { lastSeenTime: _lastSeenTime, ...who } = facts as typeof facts & { readonly lastSeenTime?: string };
  return who;
}

function textOf(value: object | undefined): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
