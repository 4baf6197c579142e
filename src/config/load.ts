import { isAbsolute, resolve } from 'node:path';
import { BallotError, ConfigurationError } from '../errors.ts';
import type { CronConfig, GlobalConfig, RunConfig, ScheduleConfig } from './config.ts';
import { readFolders, readNamedFile, type FileLayers } from './files.ts';
import { environmentLayer, flagLayer, type Layer, type Setting } from './layers.ts';
import { mask } from './mask.ts';
import { fields, keyOf, optionOf, type Field } from './options.ts';
import { checkCron, checkScheduled, checkTogether, doubtCron } from './rules.ts';
import { doubtSchedule } from './schedule.ts';

/** Where the configuration is taken from. */
export interface LoadInput {
  /** Values of each flag by its name without dashes, in the order given. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly env: NodeJS.ProcessEnv;
  /** Folders that may hold a file, in rising precedence: `configFolders`. */
  readonly folders: readonly string[];
  /** `undefined`: it has been deleted. */
  readonly cwd: string | undefined;
  /** The default of `candidate-id`. */
  readonly hostname: string;
}

export interface Loaded<C extends GlobalConfig> {
  readonly config: C;
  /** What set each field: `default`, `/etc/ballot/ballot.yaml:3`, `environment BALLOT_LOG_LEVEL`, `flag --log-level`. */
  readonly sources: Readonly<Record<keyof C, string>>;
  /** What was passed over, and why. To be logged once there is a logger. */
  readonly warnings: readonly string[];
}

/** The global options alone; what a file or the environment says about others is not looked at. Throws ConfigurationError with every problem. */
export function loadGlobal(input: LoadInput): Promise<Loaded<GlobalConfig>> {
  return load<GlobalConfig>(input, globals, {});
}

/** Everything that `run once` needs. Throws ConfigurationError with every problem, also those between fields. */
export function loadRun(input: LoadInput): Promise<Loaded<RunConfig>> {
  return load<RunConfig>(input, fields, { problems: checkTogether });
}

/** Everything that `run cron` needs. Throws as `loadRun` does. */
export function loadCron(input: LoadInput): Promise<Loaded<CronConfig>> {
  return load<CronConfig>(input, fields, {
    problems: (config, sources) => [
      ...checkTogether(config, sources),
      ...checkCron(config, sources),
      ...checkScheduled(config),
    ],
    warnings: doubtCron,
  });
}

/** Every key, for whom wants to see it; a schedule may be missing. Throws as `loadRun` does. */
export function loadAll(input: LoadInput): Promise<Loaded<RunConfig>> {
  return load<RunConfig>(input, fields, {
    problems: (config, sources) => [...checkTogether(config, sources), ...checkCron(config, sources)],
    warnings: doubtCron,
  });
}

/**
 * The global options and those that say what the ticks are; with `spec: 'given'` what a file or the environment has for a schedule is not
 * looked at. Throws as `loadGlobal` does.
 */
export function loadSchedule(input: LoadInput, spec: 'given' | 'configured'): Promise<Loaded<ScheduleConfig>> {
  const wanted: readonly Field[] = spec === 'given' ? ['timezone'] : ['timezone', 'schedule'];
  return load<ScheduleConfig>(input, [...globals, ...wanted], { warnings: doubtSchedule });
}

const globals = fields.filter((field) => optionOf(field).scope === 'global');

type Rule<C extends GlobalConfig> = (config: C, sources: Readonly<Record<keyof C, string>>) => readonly string[];

/** Between fields, once each of them is right. */
interface Rules<C extends GlobalConfig> {
  readonly problems?: Rule<C>;
  readonly warnings?: Rule<C>;
}

interface Value {
  readonly value: unknown;
  readonly source: string;
}

async function load<C extends GlobalConfig>(
  input: LoadInput,
  wanted: readonly Field[],
  rules: Rules<C>,
): Promise<Loaded<C>> {
  const environment = environmentLayer(input.env);
  const flags = flagLayer(input.flags);
  const named = [...environment.settings, ...flags.settings].findLast(({ field }) => field === 'configFile');
  const files = named?.text ? await readNamed(named, input.cwd) : await readFolders(input.folders);

  const values = new Map(wanted.map((field) => [field, defaultValue(field, input)]));
  const problems: string[] = [];
  const warnings = [...(named?.text ? [] : missingFolder(input)), ...files.warnings];
  for (const layer of [...files.layers, environment, flags]) apply(layer, values, problems, warnings);

  const entries = [...values];
  const config = Object.freeze(Object.fromEntries(entries.map(([field, { value }]) => [field, value]))) as unknown as C;
  const sources = Object.freeze(Object.fromEntries(entries.map(([field, { source }]) => [field, source]))) as Readonly<
    Record<keyof C, string>
  >;
  if (problems.length === 0) problems.push(...(rules.problems?.(config, sources) ?? []));
  if (problems.length > 0) {
    // What was passed over may be what is missing.
    throw new ConfigurationError([...problems, ...warnings.map((warning) => `warning: ${warning}`)], {
      hint: 'ballot config shows the configuration and what set each key; ballot config --help lists the keys',
    });
  }
  return { config, sources, warnings: [...warnings, ...(rules.warnings?.(config, sources) ?? [])] };
}

/** A relative path needs the working directory. */
async function readNamed({ text, source }: Setting, cwd: string | undefined): Promise<FileLayers> {
  if (cwd !== undefined || isAbsolute(text)) return readNamedFile(resolve(cwd ?? '/', text));
  throw new ConfigurationError([
    `${source}: config-file ${quoted(text)}: a relative path needs the working directory, which has been deleted: ` +
      'give the whole path, or change to another folder',
  ]);
}

function missingFolder({ cwd }: LoadInput): string[] {
  return cwd === undefined ? ['the working directory has been deleted: no ballot.yaml is looked for in it'] : [];
}

function defaultValue(field: Field, { hostname }: LoadInput): Value {
  const option = optionOf(field);
  if (field === 'candidateId') return { value: hostname, source: 'default' };
  return { value: option.default === undefined ? undefined : option.kind.parse(option.default), source: 'default' };
}

/** Lets a layer's good values replace what is there. Every value is judged, also those that a later layer replaces. */
function apply(layer: Layer, values: Map<Field, Value>, problems: string[], warnings: string[]): void {
  problems.push(...layer.problems);
  for (const setting of layer.settings) {
    if (!values.has(setting.field)) continue;
    const parsed = parse(setting);
    if ('value' in parsed) values.set(setting.field, parsed);
    else if (setting.ambient) warnings.push(`${parsed.problem}; passed over, as it may be meant for another tool`);
    else problems.push(parsed.problem);
  }
}

function parse({ field, text, source }: Setting): Value | { problem: string } {
  try {
    return { value: optionOf(field).kind.parse(text), source };
  } catch (error) {
    if (!(error instanceof BallotError)) throw error;
    return { problem: `${source}: ${keyOf(field)} ${quoted(text)}: ${mask(error.message)}${hintAtQuotes(text)}` };
  }
}

/** A shell takes quotes away. An env file of Docker, or YAML with two pairs of them, does not. */
function hintAtQuotes(text: string): string {
  const isQuoted = /^\s*(["'`]).*\1\s*$/s.test(text);
  return isQuoted ? '; the quotes are part of the value: write it without them (an env file keeps quotes)' : '';
}

/** Longer values are cut in messages, characters. */
const LONGEST_QUOTE = 200;

/** Masked before it is cut: a cut could hide what makes a secret one. */
function quoted(text: string): string {
  const masked = mask(JSON.stringify(text));
  return masked.length > LONGEST_QUOTE ? `${masked.slice(0, LONGEST_QUOTE)}…"` : masked;
}
