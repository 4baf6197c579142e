/** Coordinator local beside `flock -x` in a shell loop: start, handover, take-over. */
import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { type Candidate, plainEnvironment } from './support/candidate.ts';
import { gaps, type Journal } from './support/journal.ts';
import { figure, type Report } from './support/report.ts';
import type { Workshop } from './support/workshop.ts';

const RUNS = 20;
const CANDIDATES = 5;
const HANDOVERS = 60;
const WORK_MS = 100;
const KILLS = 15;

export async function measure(shop: Workshop): Promise<Report> {
  const bare = bareNode(shop);
  const starts: number[] = [];
  for (let run = 0; run <= RUNS; run += 1) {
    const ms = await start(shop);
    if (run > 0) starts.push(ms);
  }
  return {
    figures: [
      figure('node -e 0, from start to end', 'ms', bare),
      figure('ballot started → command started', 'ms', starts),
      figure('flock -x in a shell loop: end of a run → start of the next in another loop', 'ms', await loops(shop)),
      figure('end of a run → start of the next on another candidate', 'ms', await handovers(shop)),
      figure('SIGKILL to the supervisor → start on the next', 'ms', await kills(shop)),
    ],
    notes: [
      `${CANDIDATES} candidates or loops; commands of ${WORK_MS} ms; three candidates for SIGKILL.`,
      'The starts are beside `node -e 0`, the handovers beside the loops; all within one run on one machine.',
      'No two commands overlapped: the journals were checked.',
    ],
  };
}

/** Flags of an election on this host. */
function election(shop: Workshop, name: string): string[] {
  return ['--coordinator', 'local', '--state-dir', join(shop.folder, 'state'), '--election', name];
}

function bareNode(shop: Workshop): number[] {
  return Array.from({ length: RUNS }, () => {
    const from = performance.now();
    execFileSync(process.execPath, ['-e', '0'], { env: plainEnvironment(shop.folder) });
    return performance.now() - from;
  });
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
