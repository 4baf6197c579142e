/** What a benchmark has found, as a table for people and a line of JSON for programs. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';

export interface Figure {
  /** What was measured. */
  readonly what: string;
  readonly unit: 'ms' | 'ms/min' | 'MB' | 'requests' | 'requests/min' | 'wake-ups/min' | 'times';
  /** How many measurements. */
  readonly n: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** What the project promises for the median. */
  readonly promise?: number;
  /** The value that 99 of 100 measurements do not exceed, where there are enough of them. */
  readonly p99?: number;
  readonly promise99?: number;
}

export interface Report {
  readonly figures: readonly Figure[];
  /** How it was measured, what the figures contain and what they leave out. */
  readonly notes: readonly string[];
  /** A breakdown, by name. */
  readonly detail?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/**
 * Median, least and greatest of `values`; the median of an even number is the mean of the two in the middle. Throws
 * when there are none.
 */
export function figure(what: string, unit: Figure['unit'], values: readonly number[], promise?: number): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) throw new Error(`${what}: nothing was measured`);
  return {
    what,
    unit,
    n: sorted.length,
    median: medianOf(sorted),
    min,
    max,
    ...(promise === undefined ? {} : { promise }),
  };
}

/**
 * The same with the 99th percentile, of which something else is promised. Throws when there are fewer than 100 values.
 */
export function figure99(
  what: string,
  unit: Figure['unit'],
  values: readonly number[],
  promises: { readonly median?: number; readonly p99?: number } = {},
): Figure {
  const p99 = [...values].sort((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1];
  if (p99 === undefined || values.length < 100)
    throw new Error(`${what}: ${values.length} values have no 99th percentile`);
  const { p99: promise99 } = promises;
  return { ...figure(what, unit, values, promises.median), p99, ...(promise99 === undefined ? {} : { promise99 }) };
}

function medianOf(sorted: readonly number[]): number {
  const upper = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? NaN;
  return (upper + lower) / 2;
}

/**
 * The machine and the versions, without which no figure means anything. `zookeeper`: what the server says of itself.
 */
export function surroundings(root: string, zookeeper: string): Readonly<Record<string, string | number>> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    zookeeper,
    ballot: version,
    commit: commit(root),
    load: Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]),
  };
}

function commit(root: string): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return (
      git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', 'src') === '' ? '' : ' and changes')
    );
  } catch {
    return 'unknown';
  }
}

/** Prints the table, and one line of JSON to stdout or, when named, to the end of a file. */
export function print(
  bench: string,
  around: Readonly<Record<string, string | number>>,
  { figures, notes, detail }: Report,
  jsonFile: string | undefined,
): void {
  const { cpu, cores, kernel, node, zookeeper, client, ballot, commit: at, load } = around;
  console.log(
    `\n${bench}: ${cpu}, ${cores} cores, Linux ${kernel}; ballot ${ballot} (${at}), Node ${node}, ZooKeeper ${zookeeper}, client ${client}; load ${load}`,
  );
  console.table(Object.fromEntries(figures.map((row) => [row.what, cells(row)])));
  if (detail !== undefined) console.table(detail);
  for (const note of notes) console.log(`- ${note}`);
  const line = JSON.stringify({ bench, surroundings: around, figures, detail, notes });
  if (jsonFile === undefined) console.log(line);
  else appendFileSync(jsonFile, `${line}\n`);
}

function cells({ unit, n, median, min, max, promise, p99, promise99 }: Figure): Record<string, string | number> {
  const round = (value: number): number => Number(value.toFixed(Math.abs(value) < 100 ? 1 : 0));
  const verdict = (value: number, of: number | undefined): string =>
    of === undefined ? '' : `≤ ${of}: ${value <= of ? 'kept' : 'MISSED'}`;
  const row = { median: round(median), 'min–max': `${round(min)}–${round(max)}`, unit, n };
  if (p99 === undefined) return { ...row, promise: verdict(median, promise) };
  const both = [verdict(median, promise), verdict(p99, promise99)].filter((each) => each !== '').join(', ');
  return { ...row, p99: round(p99), promise: both };
}
