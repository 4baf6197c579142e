import { stringify } from 'yaml';
import type { RunConfig } from '../config/config.ts';
import type { Loaded } from '../config/load.ts';
import { mask } from '../config/mask.ts';
import { fields, keyOf, optionOf, type Field } from '../config/options.ts';
import { effectiveZone } from '../config/schedule.ts';
import { ExitCode } from '../errors.ts';
import { print } from './print.ts';

/** A key as it is shown: no value where the default is known at run time only. */
interface Shown {
  readonly key: string;
  readonly value: string | boolean | null;
  readonly source: string;
  readonly note: string;
  readonly inFile: boolean;
  /** What counts where the key is not set, or something else has the last word. `value`: `null` where there is none. */
  readonly effective?: { readonly value: string | null; readonly source: string };
}

/**
 * `ballot config`: prints the effective configuration and what set each key. The YAML can be used as a file of ballot's: sources are
 * comments. Passwords are masked. Resolves with the exit code; throws a BallotError when stdout cannot be written.
 */
export async function showConfig(
  { config, sources, warnings }: Loaded<RunConfig>,
  output: 'yaml' | 'json',
): Promise<number> {
  for (const warning of warnings) process.stderr.write(`ballot: warning: ${warning}\n`);
  const shown = fields
    .map((field) => show(field, config[field], sources[field]))
    .map((key) => (key.key === 'timezone' ? withZone(key, config, sources.schedule) : key));
  await print(output === 'json' ? json(shown) : yaml(shown));
  return ExitCode.ok;
}

function show(field: Field, value: unknown, source: string): Shown {
  const { kind, default: standard, defaultNote, inFile } = optionOf(field);
  const open = value === undefined && standard === undefined;
  const text = kind.native === 'boolean' ? (value as boolean) : open ? null : mask(kind.format(value));
  return { key: keyOf(field), value: text, source, note: defaultNote ?? '', inFile: inFile !== false };
}

/** Adds the zone that counts, unless it is the one that is set. */
function withZone(key: Shown, config: RunConfig, scheduleSource: string): Shown {
  const zone = effectiveZone(config);
  if ('problem' in zone) return { ...key, effective: { value: null, source: zone.problem } };
  if (zone.from === 'timezone') return key;
  const source = zone.from === 'schedule' ? `schedule: ${scheduleSource}` : zone.from;
  return { ...key, effective: { value: zone.name, source } };
}

function json(shown: readonly Shown[]): string {
  const entries = shown.map(({ key, value, source, effective }) => [
    key,
    { value, source, ...(effective && { effective }) },
  ]);
  return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
}

function yaml(shown: readonly Shown[]): string {
  const lines = shown.map(({ key, value, source, note, inFile, effective }) => {
    const line = stringify({ [key]: value ?? effective?.value ?? note }, { lineWidth: 0 }).trimEnd();
    const counts =
      value === null ? effective?.source : effective && `${source}; ${effective.value} counts, ${effective.source}`;
    return { line: inFile && value !== null ? line : `# ${line}`, source: counts ?? source };
  });
  const width = Math.max(...lines.map(({ line }) => line.length));
  return `${lines.map(({ line, source }) => `${line.padEnd(width)}  # ${source}`).join('\n')}\n`;
}
