import { isAbsolute, resolve } from 'node:path';
import { BallotError, ConfigurationError } from '../errors.ts';
import type {
  CandidateConfig,
  CronConfig,
  GlobalConfig,
  JoinConfig,
  LibraryConfig,
  RunConfig,
  ScheduleConfig,
} from './config.ts';
import { defaultStateDir, fitToCoordinator, type Value } from './coordinators.ts';
import { readFolders, readNamedFile, type ConfigFolder, type FileLayers } from './files.ts';
import { environmentLayer, flagLayer, type Layer, type Setting } from './layers.ts';
import { fields, joinFields, keyOf, libraryFields, optionOf, type Field } from './options.ts';
import { checkAccess, checkCron, checkJoin, checkScheduled, checkTls, checkTogether, doubtCron } from './rules.ts';
import { doubtSchedule } from './schedule.ts';
import { escaped, mask } from '../visible.ts';
import { doubtSecrecy, GivenAuth } from './zookeeper-auth.ts';

/** Where the configuration is taken from. */
export interface LoadInput {
  /** Values of each flag by its name without dashes, in the order given. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly env: NodeJS.ProcessEnv;
  /** Folders that may hold a file, in rising precedence: `configFolders`. */
  readonly folders: readonly ConfigFolder[];
  /** `undefined`: it has been deleted. */
  readonly cwd: string | undefined;
  /** The default of `candidate-id`. */
  readonly hostname: string;
}

export interface Loaded<C extends GlobalConfig> {
  readonly config: C;
  /** What set each field: `default`, `/etc/ballot/ballot.yaml:3`, `environment BALLOT_X`, `flag --log-level`. */
  readonly sources: Readonly<Record<keyof C, string>>;
  /** What was passed over, and why. To be logged once there is a logger. */
  readonly warnings: readonly string[];
  /** The configuration files that were read, in rising precedence. */
  readonly files: readonly string[];
}

/** The global options alone, whatever else is said of others. Throws ConfigurationError with every problem. */
export function loadGlobal(input: LoadInput): Promise<Loaded<GlobalConfig>> {
  return load<GlobalConfig>(input, globals, { problems: [checkTls] });
}

/** The global options, and the candidate that is meant. Throws as `loadGlobal` does. */
export function loadCandidate(input: LoadInput): Promise<Loaded<CandidateConfig>> {
  return load<CandidateConfig>(input, [...globals, 'candidateId'], { problems: [checkTls] });
}

/** Everything that `run once` needs. Throws ConfigurationError with every problem, also those between fields. */
export function loadRun(input: LoadInput): Promise<Loaded<RunConfig>> {
  return load<RunConfig>(input, fields, { problems: [checkTls, checkTogether] });
}

/** Everything that a candidate without a command needs. Throws as `loadRun` does. */
export function loadJoin(input: LoadInput): Promise<Loaded<JoinConfig>> {
  return load<JoinConfig>(input, [...globals, ...joinFields], { problems: [checkTls, checkJoin] });
}

/** What a program gave the library, above the host's `defaults`. Throws ConfigurationError with every problem. */
export function loadGiven(given: Layer, defaults: Defaults): LibraryConfig {
  const rules = { problems: [checkTls, checkJoin] };
  // A program leaves SIGHUP to itself.
  const wanted = judged<JoinConfig & LibraryConfig>(defaults, libraryFields, rules, [given]);
  const problems = [...wanted.problems, ...wanted.conflicts];
  if (problems.length > 0) throw new ConfigurationError(problems, { hint: 'docs/library.md lists the options' });
  return wanted.config;
}

/** Everything that `run cron` needs. Throws as `loadRun` does. */
export function loadCron(input: LoadInput): Promise<Loaded<CronConfig>> {
  return load<CronConfig>(input, fields, {
    problems: [checkTls, checkTogether, checkCron, checkScheduled],
    warnings: doubtCron,
  });
}

/** Every key, for whom wants to see it; a schedule may be missing. Throws as `loadRun` does. */
export function loadAll(input: LoadInput): Promise<Loaded<RunConfig>> {
  return load<RunConfig>(input, fields, { problems: [checkTls, checkTogether, checkCron], warnings: doubtCron });
}

/**
 * The global options and those that say what the ticks are; with `spec: 'given'` what a file or the environment has for
 * a schedule is not looked at. Throws as `loadGlobal` does.
 */
export function loadSchedule(input: LoadInput, spec: 'given' | 'configured'): Promise<Loaded<ScheduleConfig>> {
  const wanted: readonly Field[] = spec === 'given' ? ['timezone'] : ['timezone', 'schedule'];
  return load<ScheduleConfig>(input, [...globals, ...wanted], { warnings: doubtSchedule });
}

const globals = fields.filter((field) => optionOf(field).scope === 'global');

type Rule<C extends GlobalConfig> = (config: C, sources: Loaded<C>['sources']) => readonly string[];

/** Between fields, once each of them is right. */
interface Rules<C extends GlobalConfig> {
  readonly problems?: readonly Rule<C>[];
  readonly warnings?: Rule<C>;
}

async function load<C extends GlobalConfig>(
  input: LoadInput,
  wanted: readonly Field[],
  rules: Rules<C>,
): Promise<Loaded<C>> {
  const environment = environmentLayer(input.env);
  const flags = flagLayer(input.flags);
  const named = [...environment.settings, ...flags.settings].findLast(({ field }) => field === 'configFile');
  const files: ChosenFiles = named?.text ? await readNamed(named, input) : await readDefaults(input);
  const judge = (shared: Layer): Judged<C> => judged(input, wanted, rules, [...files.layers, shared, flags]);

  const kept = files.passedOver === undefined ? environment : without(environment, files.passedOver);
  const whole = judge(kept);
  // A file in which all is right is ballot's own, whichever variable names it.
  const doubtful = kept.settings.filter(({ ambient, field }) => ambient && field !== 'configFile');
  for (const setting of whole.conflicts.length === 0 ? [] : doubtful) {
    const rest = judge(without(kept, setting));
    if (rest.conflicts.length > 0) continue;
    const warning = passedOver(`${aboutSetting(setting)}: ${whole.conflicts[0]}`);
    return finished({ ...rest, warnings: [warning, ...rest.warnings] }, files, rules);
  }
  return finished(whole, files, rules);
}

/** What the layers come to. */
interface Judged<C extends GlobalConfig> extends Pick<Loaded<C>, 'config' | 'sources' | 'warnings'> {
  readonly problems: readonly string[];
  /** Between values each of which is right. Looked for when there is no other problem. */
  readonly conflicts: readonly string[];
}

function judged<C extends GlobalConfig>(
  input: Defaults,
  wanted: readonly Field[],
  rules: Rules<C>,
  layers: readonly Layer[],
): Judged<C> {
  const values = new Map(wanted.map((field) => [field, defaultValue(field, input)]));
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const layer of layers) apply(layer, values, problems, warnings);
  const unfit = fitToCoordinator(values, (field) => defaultValue(field, input));
  const secret = readAuth(values);
  problems.push(...unfit.problems, ...secret.problems);
  warnings.push(...unfit.warnings, ...secret.warnings);
  const each = (part: keyof Value): unknown =>
    Object.freeze(Object.fromEntries([...values].map(([field, value]) => [field, value[part]])));
  const [config, sources] = [each('value') as C, each('source') as Loaded<C>['sources']];
  const applicable: readonly Rule<C>[] = problems.length === 0 ? [checkAccess, ...(rules.problems ?? [])] : [];
  const conflicts = applicable.flatMap((rule) => rule(config, sources));
  return { config, sources, problems, conflicts, warnings };
}

/** Puts what its file says in the place of a `zookeeper-auth` that names one: of the one that counts alone. */
function readAuth(values: Map<Field, Value>): { readonly problems: string[]; readonly warnings: string[] } {
  const { value, source } = values.get('zookeeperAuth') ?? {};
  if (!(value instanceof GivenAuth) || source === undefined) return { problems: [], warnings: [] };
  try {
    values.set('zookeeperAuth', { value: value.read(), source });
  } catch (error) {
    if (!(error instanceof BallotError)) throw error;
    return { problems: [`${source}: ${keyOf('zookeeperAuth')}: ${error.message}`], warnings: [] };
  }
  const doubt = doubtSecrecy(value, source);
  return { problems: [], warnings: doubt === undefined ? [] : [doubt] };
}

/** Throws ConfigurationError when anything is wrong. */
function finished<C extends GlobalConfig>(found: Judged<C>, files: FileLayers, rules: Rules<C>): Loaded<C> {
  const { config, sources } = found;
  const problems = [...found.problems, ...found.conflicts];
  const warnings = [...files.warnings, ...found.warnings];
  if (problems.length > 0) {
    // What was passed over may be what is missing.
    throw new ConfigurationError([...problems, ...warnings.map((warning) => `warning: ${warning}`)], {
      hint: 'ballot config shows the configuration and what set each key; ballot config --help lists the keys',
    });
  }
  return { config, sources, files: files.read, warnings: [...warnings, ...(rules.warnings?.(config, sources) ?? [])] };
}

function without(layer: Layer, setting: Setting): Layer {
  return { ...layer, settings: layer.settings.filter((other) => other !== setting) };
}

function passedOver(problem: string): string {
  return `${problem}; passed over, as it may be meant for another tool`;
}

/** The files that count, and the setting that named another, if that was passed over. */
interface ChosenFiles extends FileLayers {
  readonly passedOver?: Setting;
}

async function readDefaults({ folders, cwd }: LoadInput): Promise<FileLayers> {
  const found = await readFolders(folders);
  const gone = 'the working directory has been deleted: no ballot.yaml is looked for in it';
  return cwd === undefined ? { ...found, warnings: [gone, ...found.warnings] } : found;
}

/** What CONFIG_FILE names may be another program's: it counts if all of it is right, else the usual places do. */
async function readNamed(named: Setting, input: LoadInput): Promise<ChosenFiles> {
  const files = await readOneFile(named, input);
  const [first, ...more] = named.ambient === undefined ? [] : problemsOf(files);
  if (first === undefined) return files;
  const others = await readDefaults(input);
  const rest = more.length === 0 ? '' : ` (and ${more.length} more)`;
  const warning = passedOver(`${aboutSetting(named)}: ${first}${rest}`);
  return { ...others, warnings: [warning, ...others.warnings], passedOver: named };
}

/** All that is wrong in the files, whichever keys are wanted: so every command takes the same decision. */
function problemsOf({ layers }: FileLayers): string[] {
  return layers.flatMap(({ problems, settings }) => [
    ...problems,
    ...settings.flatMap((setting) => {
      const parsed = parse(setting);
      return 'problem' in parsed ? [parsed.problem] : [];
    }),
  ]);
}

/** A relative path needs the working directory. */
async function readOneFile(named: Setting, { cwd }: LoadInput): Promise<FileLayers> {
  const { text, ambient } = named;
  if (cwd !== undefined || isAbsolute(text))
    return readNamedFile(resolve(cwd ?? '/', text), ambient ? 'regular file' : 'whatever');
  // A warning about an ambient one begins with the setting anyway.
  const about = ambient ? '' : `${aboutSetting(named)}: `;
  const problem =
    `${about}a relative path needs the working directory, which has been deleted: ` +
    'give the whole path, or change to another folder';
  return { layers: [{ settings: [], problems: [problem] }], read: [], warnings: [] };
}

/** What defaults depend on. */
export type Defaults = Pick<LoadInput, 'hostname' | 'env'>;

function defaultValue(field: Field, { hostname, env }: Defaults): Value {
  const option = optionOf(field);
  if (field === 'candidateId') return { value: hostname, source: 'default' };
  if (field === 'stateDir') return { value: defaultStateDir(env, process.geteuid?.()), source: 'default' };
  return { value: option.default === undefined ? undefined : option.kind.parse(option.default), source: 'default' };
}

/** Lets a layer's good values replace what is there. Every value is judged, also those that a later layer replaces. */
function apply(layer: Layer, values: Map<Field, Value>, problems: string[], warnings: string[]): void {
  problems.push(...layer.problems);
  for (const setting of layer.settings) {
    if (!values.has(setting.field)) continue;
    const parsed = parse(setting);
    if ('value' in parsed) values.set(setting.field, parsed);
    else if (setting.ambient) warnings.push(passedOver(parsed.problem));
    else problems.push(parsed.problem);
  }
}

function aboutSetting({ field, text, source }: Setting): string {
  const isSecret = optionOf(field).kind.secret === true;
  return isSecret ? `${source}: ${keyOf(field)}` : `${source}: ${keyOf(field)} ${quoted(text)}`;
}

function parse(setting: Setting): Value | { problem: string } {
  const { field, text, source } = setting;
  try {
    return { value: optionOf(field).kind.parse(text), source };
  } catch (error) {
    if (!(error instanceof BallotError)) throw error;
    return { problem: `${aboutSetting(setting)}: ${mask(error.message)}${hintAtQuotes(text)}` };
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
  const masked = mask(escaped(text));
  return masked.length > LONGEST_QUOTE ? `${masked.slice(0, LONGEST_QUOTE)}…"` : masked;
}
