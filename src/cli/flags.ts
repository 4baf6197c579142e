import { boolean, choice, duration, instant, wholeNumber, type Kind } from '../config/kinds.ts';
import { defaultOf, fields, keyOf, optionOf, type Field, type Scope } from '../config/options.ts';

/** A flag of the command line, `--<name>`. */
export interface Flag {
  readonly name: string;
  readonly alias?: string;
  readonly kind: Kind<unknown>;
  readonly help: string;
  /** In words, for help. */
  readonly default?: string;
  /** Under which heading help shows it. */
  readonly group: (typeof GROUPS)[Scope] | 'Options:';
}

const GROUPS = { global: 'Global options:', run: 'Run options:', cron: 'Schedule options:' } as const;

/** The flags of the configuration's keys that have this scope. */
export function optionFlags(scope: Scope): readonly Flag[] {
  return fields.filter((field) => optionOf(field).scope === scope).map(optionFlag);
}

/** The flag of one key of the configuration. */
export function optionFlag(field: Field): Flag {
  const { kind, help, scope } = optionOf(field);
  return { name: keyOf(field), kind, help, default: defaultOf(field), group: GROUPS[scope] };
}

/** Asked for anywhere before `--`. */
export const commonFlags: readonly Flag[] = [
  { name: 'help', alias: 'h', kind: boolean, help: 'show help', group: 'Options:' },
  { name: 'version', kind: boolean, help: 'show the version', group: 'Options:' },
];

export const reportOutput = choice(['yaml', 'json', 'table']);
export const configOutput = choice(['yaml', 'json']);
export const scheduleOutput = choice(['text', 'json']);
export const scheduleCount = wholeNumber(1, 1000);
export const reportTimeout = duration('1ms', '1h');

/** `-o`, for the commands that report. */
export function outputFlag(kind: Kind<unknown>, standard = 'yaml'): Flag {
  return { name: 'output', alias: 'o', kind, help: 'format of the report', default: standard, group: 'Options:' };
}

export const timeoutFlag: Flag = {
  name: 'timeout',
  kind: reportTimeout,
  help: 'how long to wait for the answer of the ensemble',
  default: '5s',
  group: 'Options:',
};

export const countFlag: Flag = {
  name: 'count',
  alias: 'n',
  kind: scheduleCount,
  help: 'how many ticks',
  default: '10',
  group: 'Options:',
};

export const fromFlag: Flag = {
  name: 'from',
  kind: instant,
  help: 'show the ticks after this instant, as if it were now',
  default: 'now',
  group: 'Options:',
};
