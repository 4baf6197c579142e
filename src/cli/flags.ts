import { boolean, choice, duration, instant, wholeNumber, type Kind } from '../config/kinds.ts';
import { defaultOf, fields, keyOf, optionOf, type Field, type Scope } from '../config/options.ts';

/** A flag of the command line, `--<name>`. */
export interface Flag<T = unknown> {
  readonly name: string;
  /** One letter. */
  readonly alias?: string;
  readonly kind: Kind<T>;
  readonly help: string;
  /** As a user would write it, or in words. */
  readonly default?: string;
  /** Its heading in the help. `undefined`: a flag of the command's own, which is no key of the configuration. */
  readonly group?: string;
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
  { name: 'help', alias: 'h', kind: boolean, help: 'show help' },
  { name: 'version', kind: boolean, help: 'show the version' },
];

function outputFlag<T extends string>(formats: readonly [T, ...T[]]): Flag<T> {
  return { name: 'output', alias: 'o', kind: choice(formats), help: 'format of the report', default: formats[0] };
}

export const reportOutput = outputFlag(['yaml', 'json', 'table']);
export const configOutput = outputFlag(['yaml', 'json']);
export const scheduleOutput = outputFlag(['text', 'json']);

export const watchOutput: Flag<'text' | 'json'> = {
  name: 'output',
  alias: 'o',
  kind: choice(['text', 'json']),
  help: 'text is a table, redrawn on a terminal; json is one line for each change',
  default: 'text on a terminal, else json',
};

export const timeoutFlag: Flag<number> = {
  name: 'timeout',
  kind: duration('1ms', '1h'),
  help: 'how long to wait for the answer of the ensemble',
  default: '5s',
};

/** For whom many ask, and often. */
export const quickTimeoutFlag: Flag<number> = { ...timeoutFlag, default: '2s' };

export const waitFlag: Flag<boolean> = {
  name: 'wait',
  kind: boolean,
  help: 'return when another candidate leads, or when nobody else stands',
  default: 'false',
};

export const stepDownTimeoutFlag: Flag<number> = { ...timeoutFlag, default: '5s, with --wait 1m' };

export const orRunFlag: Flag<boolean> = {
  name: 'or-run',
  kind: boolean,
  help: 'run the command also when it cannot be known who leads: rather twice than never',
  default: 'false',
};

export const countFlag: Flag<number> = {
  name: 'count',
  alias: 'n',
  kind: wholeNumber(1, 1000),
  help: 'how many ticks',
  default: '10',
};

export const fromFlag: Flag<number> = {
  name: 'from',
  kind: instant,
  help: 'show the ticks after this instant, as if it were now',
  default: 'now',
};

export const waitLeaderFlag: Flag<boolean> = {
  name: 'wait-leader',
  kind: boolean,
  help: 'end with 0 once this candidate leads; it resigns when it ends',
  default: 'false',
};
