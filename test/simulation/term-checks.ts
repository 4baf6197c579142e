import type { CronSetting } from './cron.ts';
import type { Host } from './host.ts';
import { checkService, type Span } from './service-checks.ts';
import type { Tenure } from './tenure.ts';
import type { Setting } from './setting.ts';
import type { TickWorld } from './tick-checks.ts';

/**
 * From the opening of the ledger, and from the end of a fault, until every tick is served again, ms, on top of what
 * leases and sessions take.
 */
const SETTLED_MS = 5_000;

/** A host looks at its clock so often, ms of its own. */
const LOOK_EVERY_MS = 30_000;

/** How long a step of the clock may go unnoticed, ms; what it passes over is missed. */
export function unnoticedFor({ rates }: Pick<Setting, 'rates'>): number {
  return LOOK_EVERY_MS / (1 - rates);
}

/** Also in the midst of troubles: while nothing befalls a leader, and nobody, it serves every tick. */
export function checkTerms(world: TickWorld, cron: CronSetting, now: number): string[] {
  const { setting, tenures } = world;
  // A message that is late is no fault that would be known of here.
  if (setting.theme === 'outages' || setting.latency.spikes > 0) return [];
  return tenures.flatMap((tenure) => {
    const host = world.hosts.find(({ name }) => name === tenure.host);
    return host === undefined ? [] : checkTerm(world, cron, tenure, host, now);
  });
}

function checkTerm(world: TickWorld, cron: CronSetting, tenure: Tenure, host: Host, now: number): string[] {
  const { setting, ledger, launches } = world;
  const opening = ledger.openings.find(
    ({ by, at, ledger: { fencingToken } }) =>
      fencingToken === tenure.token && by === host.name && at >= tenure.electedAt,
  );
  if (opening === undefined) return [];
  const own = launches.filter((launch) => launch.host === host.name);
  const terms = [{ from: tenure.electedAt, to: tenure.endedAt ?? Infinity }];
  return quietSpans(world, host, opening.at, endOf(tenure, host, now)).flatMap(({ from, to }) => {
    const offset = host.wall?.offsetAt(from) ?? 0;
    const through = ledger.asOf(from)?.ledger.through ?? -Infinity;
    return checkService(own, { from, to, offset, through, terms }, setting, cron).map(
      (problem) => `${problem} for ${host.name} in its term ${tenure.token}`,
    );
  });
}

/** A leader that is asked to stop serves no more ticks. */
function endOf(tenure: Tenure, host: Host, now: number): number {
  const asked = host.incarnations.flatMap(({ stopRequestedAt: at = Infinity }) => (at > tenure.electedAt ? [at] : []));
  return Math.min(tenure.endedAt ?? now, ...asked);
}

/**
 * The times between `from` and `to` in which nothing had befallen the host for long enough, and its clock was not set.
 */
function quietSpans({ setting, impairments }: TickWorld, host: Host, from: number, to: number): Span[] {
  const settled = 2 * setting.lease + setting.sessionTimeout + SETTLED_MS;
  const faults = impairments
    .filter((it) => it.host === host.name || it.host === 'everybody')
    .map((it): Span => ({ from: it.from, to: it.to + settled }));
  const unnoticed = unnoticedFor(setting);
  const steps = (host.wall?.stepsBetween(from - unnoticed, to) ?? []).map((at): Span => ({
    from: at,
    to: at + unnoticed,
  }));
  const spans: Span[] = [];
  let begin = from + settled;
  for (const loud of [...faults, ...steps].sort((a, b) => a.from - b.from)) {
    if (loud.to <= begin) continue;
    if (loud.from > begin) spans.push({ from: begin, to: Math.min(loud.from, to) });
    begin = Math.max(begin, loud.to);
  }
  return [...spans, { from: begin, to }].filter((span) => span.to > span.from);
}
