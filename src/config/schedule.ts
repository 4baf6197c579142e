/** What `schedule/` has to say about values of the configuration, so that a bad one is found where it stands. */
import { ScheduleError } from '../cron/errors.ts';
import { readSchedule } from '../cron/grammar.ts';
import { chosenZone, hostZone, REMEDY, type ChosenZone } from '../cron/host-zone.ts';
import { openZone, ZONE_FORM } from '../cron/zone.ts';
import { ianaName, suggestedZone } from '../cron/zone-names.ts';
import type { ScheduleConfig } from './config.ts';
import { ValueError, type Kind } from './kinds.ts';

/** A schedule, kept as it is written. */
export const schedule: Kind<string | undefined> = {
  placeholder: 'SPEC',
  allowed: 'five fields of cron, six with seconds in front, @every 1h30m, or @daily and the like',
  schema: { type: 'string', minLength: 1 },
  parse(text) {
    // What `H` stands for is nothing to judge: any seed does.
    judged(
      () => readSchedule(text, ''),
      ({ why, hint }) => (hint === undefined ? why : `${why}; ${hint}`),
    );
    return text;
  },
  format: (text) => text ?? '',
};

/** The name of a time zone. */
export const timezone: Kind<string | undefined> = {
  placeholder: 'ZONE',
  allowed: ZONE_FORM,
  schema: { type: 'string', minLength: 1 },
  parse(name) {
    judged(
      () => openZone(name, 'timezone'),
      () => {
        const meant = suggestedZone(name);
        return `unknown${meant === undefined ? '' : ` (did you mean ${meant}?)`}: ${ZONE_FORM}`;
      },
    );
    return name;
  },
  format: (name) => name ?? '',
};

/** Key and value are named by who asked. */
function judged(judge: () => unknown, inWords: (error: ScheduleError) => string): void {
  try {
    judge();
  } catch (error) {
    throw error instanceof ScheduleError ? new ValueError(inWords(error)) : error;
  }
}

/** Whether the schedule's zone is known; its own and `timezone` have been judged, the host's has not. */
export function findZone(spec: string, zone: string | undefined): string[] {
  if ((readSchedule(spec, '').zone ?? zone ?? 'Local') !== 'Local') return [];
  try {
    hostZone();
    return [];
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    return [`${error.message}: ${REMEDY}`];
  }
}

/** The zone that counts, or why there is none. */
export function effectiveZone({
  schedule: text,
  timezone: zone,
}: Pick<ScheduleConfig, 'schedule' | 'timezone'>): ChosenZone | { readonly problem: string } {
  try {
    const { name, from } = chosenZone(text === undefined ? undefined : readSchedule(text, '').zone, zone);
    return { name: ianaName(name) ?? name, from };
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    return { problem: error.message };
  }
}

/** What candidates of Go's ballot in the same election make of these extensions. */
export function beyondGo(extensions: readonly string[]): string[] {
  if (extensions.length === 0) return [];
  return [`Go's ballot does not know ${extensions.join(', ')}: its candidates of this mixed fleet will fail`];
}

/** What is odd about the schedule that counts, also in the eyes of Go's ballot in a mixed fleet. */
export function doubtSchedule(config: ScheduleConfig, sources: { schedule: string; timezone: string }): string[] {
  if (config.schedule === undefined) return [];
  const about = `${sources.schedule}: schedule ${JSON.stringify(config.schedule)}`;
  const { zone, warnings, extensions } = readSchedule(config.schedule, config.zookeeperBasePath);
  const doubts = warnings.map((warning) => `${about}: ${warning}`);
  if (!config.mixedFleet) return doubts;
  doubts.push(...beyondGo(extensions).map((doubt) => `${about}: ${doubt}`));
  if (zone === undefined && config.timezone !== undefined) {
    const where = `${sources.timezone}: timezone ${JSON.stringify(config.timezone)}`;
    const name = ianaName(config.timezone) ?? config.timezone;
    doubts.push(
      `${where}: Go's ballot does not know this key, its candidates of this mixed fleet take their hosts' zones: ` +
        `begin the schedule with CRON_TZ=${name}`,
    );
  }
  return doubts;
}
