/** From a signal to the leader's ballot to the start of the command on the next candidate. */
import type { Candidate } from './support/candidate.ts';
import { backToBack, type Journal } from './support/journal.ts';
import { figure, type Report } from './support/report.ts';
import { syncTimes } from './support/disk.ts';
import type { Workshop } from './support/workshop.ts';

const STOPS = 20;
const KILLS = 5;
/** Elections side by side, because each take-over by expiry lasts seconds. */
const ELECTIONS = 3;
const PROMISE_MS = 30;

export async function measure(shop: Workshop): Promise<Report> {
  const stops = await takeOvers(shop, { basePath: '/bench/stop', signal: 'TERM', times: STOPS });
  const kills = await Promise.all(
    Array.from({ length: ELECTIONS }, (_, i) =>
      takeOvers(shop, { basePath: `/bench/kill${i}`, signal: 'KILL', times: KILLS }),
    ),
  );
  const floor = shop.journal();
  return {
    figures: [
      figure('SIGTERM to the leader → start on the next', 'ms', stops, PROMISE_MS),
      figure('SIGKILL to the leader’s supervisor → start on the next', 'ms', kills.flat()),
      figure('of each: the probe (end → start in a shell loop)', 'ms', backToBack(floor, floor.worker(1), 40)),

      figure('of it, twice: the disk forces one of the server’s writes', 'ms', syncTimes(shop.folder, 40)),
    ],
    notes: [
      'Session timeout 4 s, tickTime 500 ms, three candidates; the command ends at the first signal.',
      `SIGKILL: ${ELECTIONS} elections side by side; the orphaned command is killed by the benchmark once its successor has started.`,
    ],
  };
}

interface Series {
  readonly basePath: string;
  readonly signal: 'TERM' | 'KILL';
  readonly times: number;
}

async function takeOvers(shop: Workshop, { basePath, signal, times }: Series): Promise<number[]> {
  const journal = shop.journal();
  let number = 0;
  const enter = async (): Promise<Candidate> => {
    const candidate = shop.candidate({
      id: `c${++number}`,
      basePath,
      flags: ['--zookeeper-session-timeout', '4s'],
      command: journal.idler(),
    });
    await candidate.says(number === 1 ? 'the command runs' : 'standing by');
    return candidate;
  };
  const queue = [await enter(), await enter(), await enter()];
  const found: number[] = [];
  for (let i = 0; i < times; i++) {
    const leader = queue.shift() as Candidate;
    await queue[0]?.says('standing by, next in line');
    found.push(await takeOver(journal, leader, signal));
    await leader.ended;
    queue.push(await enter());
  }
  await Promise.all(queue.map((candidate) => candidate.stop()));
  return found;
}

async function takeOver(journal: Journal, leader: Candidate, signal: 'TERM' | 'KILL'): Promise<number> {
  const before = journal.read().filter(({ what }) => what === 'start');
  const last = before.at(-1);
  if (last?.candidate !== leader.id)
    throw new Error(`${leader.id} does not lead: the last start is of ${last?.candidate}`);
  journal.signal(signal, leader.pid);
  const stamps = await journal.reach('start', before.length + 1);
  if (signal === 'KILL') endOrphan(last.pid);
  const sent = stamps.findLast(({ what }) => what === 'signal');
  const start = stamps.at(-1);
  if (start?.what !== 'start' || sent === undefined)
    throw new Error(`unexpected order: ${JSON.stringify(stamps.slice(-3))}`);
  return start.at - sent.at;
}

function endOrphan(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // A keeper that carries out a will has ended it by then.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
