import { stringify } from 'yaml';
import type { RunConfig } from '../../config/config.ts';
import type { Loaded } from '../../config/load.ts';
import { fields, keyOf, optionOf, type Field } from '../../config/options.ts';
import { effectiveZone } from '../../config/schedule.ts';
import { ExitCode } from '../../errors.ts';
import { escaped, mask, plainOrEscaped } from '../../visible.ts';
import { align, print, warn } from '../report/print.ts';

/** A key as it is shown: no value where the default is known at run time only. */
interface Shown {
  readonly key: string;
  readonly value: string | boolean | null;
  readonly source: string;
  readonly note: string;
  readonly inFile: boolean;
  /** Whether the value hides something that looks like a password. */
  readonly masked: boolean;
  /** What counts where the key is not set, or something else has the last word. `value`: `null` where there is none. */
  readonly effective?: { readonly value: string | null; readonly source: string };
}

/** `ballot config`: resolves with the exit code. Throws a BallotError when stdout cannot be written. */
export async function showConfig(loaded: Loaded<RunConfig>, output: 'yaml' | 'json'): Promise<number> {
  warn(loaded.warnings);
  await print(describeConfig(loaded, output));
  return ExitCode.ok;
}

/**
 * The effective configuration and what set each key. The YAML can be used as a file of ballot's: sources are
 * comments, and so is what a file cannot hold, or what is masked as a password.
 */
export function describeConfig({ config, sources }: Loaded<RunConfig>, output: 'yaml' | 'json'): string {
  const shown = fields
    .map((field) => show(field, config[field], sources[field]))
    .map((key) => (key.key === 'timezone' ? withZone(key, config, sources.schedule) : key));
  return output === 'json' ? json(shown) : yaml(shown);
}

function show(field: Field, value: unknown, source: string): Shown {
  const { kind, default: standard, defaultNote, inFile } = optionOf(field);
  const open = value === undefined && standard === undefined;
  const about = { key: keyOf(field), source, note: defaultNote ?? '', inFile: inFile !== false, masked: false };
  if (kind.native === 'boolean') return { ...about, value: value as boolean };
  if (open) return { ...about, value: null };
  const text = kind.format(value);
  const isHidden = kind.secret === true && text.endsWith('***');
  return { ...about, value: mask(text), masked: isHidden || mask(text) !== text };
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
  const lines = shown.map(({ key, value, source, note, inFile, masked, effective }) => {
    const line = yamlLine(key, value ?? effective?.value ?? note);
    const counts =
      value === null ? effective?.source : effective && `${source}; ${effective.value} counts, ${effective.source}`;
    // A path may hold anything, also the end of a line.
    const comment = plainOrEscaped(`${counts ?? source}${masked ? '; not shown, as it looks like a password' : ''}`);
    return [inFile && value !== null && !masked ? line : `# ${line}`, `# ${comment}`];
  });
  return `${align(lines).join('\n')}\n`;
}

/** A key with its value in one line, so that a comment can follow, and with nothing that cannot be seen. */
function yamlLine(key: string, value: string | boolean): string {
  if (typeof value === 'string' && plainOrEscaped(value) !== value) return `${key}: ${escaped(value)}`;
  return stringify({ [key]: value }, { lineWidth: 0, blockQuote: false }).trimEnd();
}
