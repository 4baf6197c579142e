/** Coordinator local beside `flock -x` in a shell loop: start, handover, take-over; and many candidates on one host. */
import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Candidate, plainEnvironment } from './support/candidate.ts';
import { gaps, type Journal } from './support/journal.ts';
import { children, memory, wakeUps } from './support/processes.ts';
import { figure, type Figure, type Report } from './support/report.ts';
import type { Workshop } from './support/workshop.ts';

const RUNS = 20;
const CANDIDATES = 5;
const HANDOVERS = 60;
const WORK_MS = 100;
const KILLS = 15;
/** So many stand on one host; each is a whole `ballot run once`. */
const CROWD = 200;
/** So many are started at a time. */
const BATCH = 8;
const CROWD_HANDOVERS = 100;
/** How long those that stand by are watched, and left alone before, ms: V8 tidies up some seconds behind the start. */
const WATCH_MS = 30_000;
const SETTLE_MS = 30_000;
const WATCHED = 5;

export async function measure(shop: Workshop): Promise<Report> {
  const [bare, starts]: [number[], number[]] = [[], []];
  // By turns: such a machine is not as fast at each moment. The first of each warms up.
  for (let run = 0; run <= RUNS; run += 1) {
    const pair = [bareNode(shop), await start(shop)] as const;
    if (run === 0) continue;
    bare.push(pair[0]);
    starts.push(pair[1]);
  }
  return {
    figures: [
      figure('node -e 0, from start to end', 'ms', bare),
      figure('ballot started → command started', 'ms', starts),
      figure('flock -x in a shell loop: end of a run → start of the next in another loop', 'ms', await loops(shop)),
      figure('end of a run → start of the next on another candidate', 'ms', await handovers(shop)),
      ...(await crowd(shop)),
      figure('SIGKILL to the supervisor → start on the next', 'ms', await kills(shop)),
    ],
    notes: [
      `${CANDIDATES} candidates or loops; commands of ${WORK_MS} ms; three candidates for SIGKILL.`,
      `Of ${CROWD} candidates, all whole processes, ${WATCHED} that stand by are watched for ${WATCH_MS / 1000} s.`,
      'Memory is Pss of supervisor and waiting flock; wake-ups are context switches of all their threads.',
      'The starts and `node -e 0` by turns, the handovers behind the loops; all within one run on one machine.',
      'No two commands overlapped: the journals were checked.',
    ],
  };
}

/** Flags of an election on this host. */
function election(shop: Workshop, name: string): string[] {
  return ['--coordinator', 'local', '--state-dir', join(shop.folder, 'state'), '--election', name];
}

function bareNode(shop: Workshop): number {
  const from = performance.now();
  execFileSync(process.execPath, ['-e', '0'], { env: plainEnvironment(shop.folder) });
  return performance.now() - from;
}

async function start(shop: Workshop): Promise<number> {
  const journal = shop.journal();
  const candidate = shop.candidate({
    id: 'alone',
    prefix: journal.launcher(),
    flags: [...election(shop, 'start'), '--on-child-success', 'ignore', '--on-child-error', 'exit'],
    command: journal.marker(),
  });
  const code = await candidate.ended;
  const [launch, begun] = journal.read();
  if (code !== 0 || launch === undefined || begun === undefined)
    throw new Error(`ballot ended with ${code}: ${candidate.log}`);
  return begun.at - launch.at;
}

/** What a shell does that waits for the lock, works, and waits again. */
async function loops(shop: Workshop): Promise<number[]> {
  const journal = shop.journal();
  const lock = join(shop.folder, 'loop.lock');
  const script = `for ((i = 0; i < 1000; i++)); do flock -x '${lock}' "$@"; done`;
  const shells = Array.from({ length: CANDIDATES }, (_, i) => {
    const env = { ...plainEnvironment('/'), BALLOT_CANDIDATE_ID: `loop${i}` };
    return spawn('bash', ['-c', script, 'bash', ...journal.worker(WORK_MS)], { env, detached: true, stdio: 'ignore' });
  });
  try {
    return between(await journal.reach('start', CANDIDATES + HANDOVERS, 60_000));
  } finally {
    for (const { pid } of shells) if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  }
}

async function handovers(shop: Workshop): Promise<number[]> {
  const journal = shop.journal();
  const candidates: Candidate[] = [];
  for (let i = 1; i <= CANDIDATES; i += 1) {
    const candidate = shop.candidate({
      id: `c${i}`,
      flags: [...election(shop, 'handover'), '--on-child-success', 'reelect'],
      command: journal.worker(WORK_MS),
    });
    await candidate.says(i === 1 ? 'the command runs' : 'standing by');
    candidates.push(candidate);
  }
  const warm = (await journal.reach('start', CANDIDATES * 2)).length;
  const found = between((await journal.reach('start', CANDIDATES * 2 + HANDOVERS, 60_000)).slice(warm - 1));
  await Promise.all(candidates.map((candidate) => candidate.stop()));
  return found;
}

/** Many on one host: what a standby costs while nothing happens, and handovers. */
async function crowd(shop: Workshop): Promise<Figure[]> {
  const journal = shop.journal();
  const leader = await enterCrowd(shop, 'leader', journal.idler());
  const all: Candidate[] = [];
  while (all.length < CROWD - 1) {
    const ids = Array.from({ length: Math.min(BATCH, CROWD - 1 - all.length) }, (_, i) => `c${all.length + i + 1}`);
    all.push(...(await Promise.all(ids.map((id) => enterCrowd(shop, id, journal.worker(WORK_MS))))));
  }
  await sleep(SETTLE_MS);
  const watched = all.slice(0, WATCHED).map(({ pid }) => [pid, ...children(pid)]);
  const count = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + wakeUps(pid), 0);
  const before = watched.map(count);
  await sleep(WATCH_MS);
  const wakes = watched.map((pids, i) => ((count(pids) - (before[i] ?? NaN)) * 60_000) / WATCH_MS);
  const sizes = watched.map((pids) => pids.reduce((sum, pid) => sum + memory(pid).pss, 0));
  await leader.stop();
  const stamps = await journal.reach('start', CROWD_HANDOVERS + 1, 120_000);
  await Promise.all(all.map((candidate) => candidate.stop()));
  return [
    figure(
      `the same, one of ${CROWD} on its host`,
      'ms',
      between(stamps.filter(({ candidate }) => candidate !== 'leader')),
    ),
    figure(`a standby, one of ${CROWD} on its host: memory`, 'MB', sizes),
    figure(`a standby, one of ${CROWD} on its host: wake-ups`, 'wake-ups/min', wakes),
  ];
}

async function enterCrowd(shop: Workshop, id: string, command: readonly string[]): Promise<Candidate> {
  const flags = [...election(shop, 'crowd'), '--on-child-success', 'reelect'];
  const candidate = shop.candidate({ id, flags, command });
  await candidate.says(id === 'leader' ? 'the command runs' : 'standing by');
  return candidate;
}

function between(stamps: Parameters<typeof gaps>[0]): number[] {
  return gaps(stamps)
    .filter(({ from, to }) => from.candidate !== to.candidate)
    .map(({ ms }) => ms);
}

async function kills(shop: Workshop): Promise<number[]> {
  const journal = shop.journal();
  let number = 0;
  const enter = async (): Promise<Candidate> => {
    number += 1;
    const candidate = shop.candidate({
      id: `c${number}`,
      flags: election(shop, 'kill'),
      command: journal.idler(),
    });
    await candidate.says(number === 1 ? 'the command runs' : 'standing by');
    return candidate;
  };
  const queue = [await enter(), await enter(), await enter()];
  const found: number[] = [];
  for (let i = 0; i < KILLS; i += 1) {
    found.push(await takeOver(journal, queue.shift() as Candidate));
    queue.push(await enter());
  }
  await Promise.all(queue.map((candidate) => candidate.stop()));
  return found;
}

async function takeOver(journal: Journal, leader: Candidate): Promise<number> {
  const count = journal.read().filter(({ what }) => what === 'start').length;
  journal.signal('KILL', leader.pid);
  const stamps = await journal.reach('start', count + 1);
  await leader.ended;
  const sent = stamps.findLast(({ what }) => what === 'signal');
  const begun = stamps.at(-1);
  if (begun?.what !== 'start' || sent === undefined)
    throw new Error(`unexpected order: ${JSON.stringify(stamps.slice(-3))}`);
  return begun.at - sent.at;
}
