/** What a program gives the library, checked by the table of options. */
import { inspect } from 'node:util';
import type { LibraryConfig, LogLevel } from '../config/config.ts';
import type { Layer, Setting } from '../config/layers.ts';
import { loadGiven } from '../config/load.ts';
import { didYouMean } from '../config/nearest.ts';
import { libraryFields, LOG_LEVELS, optionOf, type Field } from '../config/options.ts';
import { ConfigurationError } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { mask } from '../visible.ts';

/** Options that are understood, and what is no text. */
export interface Understood {
  readonly config: LibraryConfig;
  readonly signal: AbortSignal | undefined;
  readonly logger: Logger;
}

/** What is not a key of the configuration. */
const OWN = ['signal', 'logger'] as const;
const KNOWN: readonly string[] = [...OWN, ...libraryFields];

/**
 * Throws ConfigurationError with every problem. `hostname` is the default of `candidateId`. Of the environment only
 * that is read which says where this user keeps state.
 */
export function understand(options: unknown, hostname: string): Understood {
  if (typeof options !== 'object' || options === null)
    throw new ConfigurationError([`options: ${shown(options)} is no object of options, such as { election: 'job' }`]);
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const values = new Map<string, unknown>(given);
  const layer: Layer = { settings: given.flatMap(settingOf), problems: problemsOf(values) };
  const config = loadGiven(layer, { hostname, env: process.env });
  return { config, signal: values.get('signal') as AbortSignal | undefined, logger: whole(values.get('logger')) };
}

/** Everything that is wrong before any text is read. */
function problemsOf(values: ReadonlyMap<string, unknown>): string[] {
  const problems = [...values].flatMap(([name, value]) => {
    if (!KNOWN.includes(name)) return [`option ${name}: unknown option${didYouMean(name, KNOWN)}`];
    const wanted = isField(name) && textOf(name, value) === undefined ? typesOf(name) : undefined;
    return wanted === undefined ? [] : [`option ${name}: ${shown(value)} must be ${wanted}`];
  });
  const [signal, logger] = OWN.map((name) => values.get(name));
  if (values.has('election') && values.has('zookeeperBasePath'))
    problems.push('option election: stands for zookeeperBasePath /ballot/<election>: give one of the two');
  if (signal !== undefined && !(signal instanceof AbortSignal))
    problems.push(`option signal: ${shown(signal)} must be an AbortSignal`);
  if (logger !== undefined && !isLogger(logger))
    problems.push(`option logger: ${shown(logger)} must be an object with functions of ${LOG_LEVELS.join(', ')}`);
  return problems;
}

function settingOf([name, value]: [string, unknown]): Setting[] {
  const text = isField(name) ? textOf(name, value) : undefined;
  return text === undefined ? [] : [{ field: name as Field, text, source: `option ${name}` }];
}

function isField(name: string): name is Field {
  return (libraryFields as readonly string[]).includes(name);
}

/** As the configuration writes it; `undefined` for a value of a wrong type. A number is a duration in ms. */
function textOf(field: Field, value: unknown): string | undefined {
  const { native } = optionOf(field).kind;
  if (typeof value === 'string') return value;
  if (native === 'boolean' && typeof value === 'boolean') return String(value);
  if (isDuration(field) && typeof value === 'number' && Number.isFinite(value)) return `${value}ms`;
  if (native === 'list' && Array.isArray(value) && value.every((part) => typeof part === 'string'))
    return value.join(',');
  return undefined;
}

function isDuration(field: Field): boolean {
  return optionOf(field).kind.placeholder === 'DURATION';
}

function typesOf(field: Field): string {
  const { native, allowed } = optionOf(field).kind;
  if (native === 'boolean') return 'a boolean';
  if (native === 'list') return `a string or an array of strings: ${allowed}`;
  if (isDuration(field)) return `a duration, such as '1m30s', or a number of milliseconds: ${allowed}`;
  return `a string: ${allowed}`;
}

function isLogger(value: unknown): value is Partial<Logger> {
  if (typeof value !== 'object' || value === null) return false;
  const functions: readonly unknown[] = LOG_LEVELS.map((level) => (value as Partial<Logger>)[level]);
  return functions.every((each) => each === undefined || typeof each === 'function');
}

/** Levels that the program does not log are silent. What its logger throws is not ours to stumble over. */
function whole(logger: unknown): Logger {
  const given = (logger ?? {}) as Partial<Logger>;
  const level = (name: LogLevel): Logger[LogLevel] => {
    return (message, fields) => {
      try {
        given[name]?.(message, fields);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    };
  };
  return loggerOf(level);
}

/** A logger, made of what each level does. */
export function loggerOf(level: (name: LogLevel) => Logger[LogLevel]): Logger {
  return Object.fromEntries(LOG_LEVELS.map((name) => [name, level(name)])) as Logger;
}

function shown(value: unknown): string {
  return mask(inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 60 }));
}
