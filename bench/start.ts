/** From `ballot run once -- command` to the command's first instant, with the server up and nobody else standing. */
import { execFileSync } from 'node:child_process';
import { plainEnvironment } from './support/candidate.ts';
import { backToBack } from './support/journal.ts';
import { figure, type Report } from './support/report.ts';
import type { Workshop } from './support/workshop.ts';

const RUNS = 20;
const PROMISE_MS = 350;

export async function measure(shop: Workshop): Promise<Report> {
  const times: number[] = [];
  // The first one makes the base path, and finds nothing in the page cache.
  for (let run = 0; run <= RUNS; run++) {
    const ms = await once(shop);
    if (run > 0) times.push(ms);
  }
  const probe = shop.journal();
  const bare = shop.journal();
  const [file, ...args] = [...bare.launcher(), process.execPath, '--eval', firstLine(bare.path)];
  for (let run = 0; run < RUNS; run++)
    execFileSync(file, args, { env: plainEnvironment(shop.folder), stdio: 'inherit' });
  const stamps = bare.read();
  const launches = stamps.filter(({ what }) => what === 'launch');
  const begins = stamps.filter(({ what }) => what === 'begun');
  return {
    figures: [
      figure('ballot started → command started', 'ms', times, PROMISE_MS),
      figure(
        'of it: Node started → first line of a program',
        'ms',
        begins.map(({ at }, i) => at - (launches[i]?.at ?? NaN)),
      ),
      figure('of it, at most: the probe (end → start in a shell loop)', 'ms', backToBack(probe, probe.worker(1), RUNS)),
    ],
    notes: [
      "From an instant just before exec of node to the first line of the command, a bash that reads the same clock; bash's own start is within the figure.",
      'The base path exists, the page cache is warm, the address is an IP literal.',
    ],
  };
}

/** Milliseconds from the launch to the command. */
async function once(shop: Workshop): Promise<number> {
  const journal = shop.journal();
  const candidate = shop.candidate({
    id: 'alone',
    basePath: '/bench/start',
    prefix: journal.launcher(),
    flags: ['--on-child-success', 'ignore', '--on-child-error', 'exit'],
    command: journal.marker(),
  });
  const code = await candidate.ended;
  const [launch, start] = journal.read();
  if (code !== 0 || launch === undefined || start === undefined)
    throw new Error(`ballot ended with ${code}: ${candidate.log}`);
  return start.at - launch.at;
}

function firstLine(path: string): string {
  const stamp = '`begun ${at} - ${process.pid}\\n`';
  return `const at = (performance.timeOrigin + performance.now()) / 1000; fs.appendFileSync(${JSON.stringify(path)}, ${stamp})`;
}
