/**
 * `ballot run cron`: from a tick's instant to the first line of its command. One leader that stays, and three that
 * serve in turn.
 */
import { backToBack, type Journal } from './support/journal.ts';
import { figure, figure99, type Report } from './support/report.ts';
import { syncTimes } from './support/disk.ts';
import type { Workshop } from './support/workshop.ts';

const TICKS = 300;
const TICKS_IN_TURN = 100;
const EVERY_MS = 1000;
const WORK_MS = 50;
const PROMISE_MS = 15;
const PROMISE_99_MS = 50;
/** Everybody has served: what loads at the first run has been loaded. */
const WARM = 6;

export async function measure(shop: Workshop): Promise<Report> {
  const staying = await late(shop, { name: 'stay', candidates: 1, ticks: TICKS, after: 'rerun' });
  const turning = await late(shop, { name: 'turn', candidates: 3, ticks: TICKS_IN_TURN, after: 'reelect' });
  const floor = shop.journal();
  return {
    figures: [
      figure99('tick → start, the leader stays (rerun)', 'ms', staying, { median: PROMISE_MS, p99: PROMISE_99_MS }),
      figure99('tick → start, three candidates in turn (reelect)', 'ms', turning),
      figure('of each: the probe (end → start in a shell loop)', 'ms', backToBack(floor, floor.worker(1), 40)),

      figure('of each: the disk forces one of the server’s writes', 'ms', syncTimes(shop.folder, 40)),
    ],
    notes: [
      `@every 1s, session timeout 5 s, commands of ${WORK_MS} ms; the first ${WARM} ticks are left out.`,
      'From the instant in BALLOT_TICK to what bash reads from the same clock: its own start is within the figure. Each tick is entered in the ledger, and that is forced to the server’s disk, before the command is started.',
      'Every tick came once, none was missed, and no two commands overlapped: the journal was checked.',
    ],
  };
}

interface Series {
  readonly name: string;
  readonly candidates: number;
  readonly ticks: number;
  readonly after: 'rerun' | 'reelect';
}

async function late(shop: Workshop, { name, candidates, ticks, after }: Series): Promise<number[]> {
  const journal = shop.journal();
  const all = [];
  for (let i = 1; i <= candidates; i++) {
    const candidate = shop.candidate({
      id: `c${i}`,
      mode: 'cron',
      basePath: `/bench/ticks-${name}`,
      flags: ['--schedule', '@every 1s', '--zookeeper-session-timeout', '5s', '--on-child-success', after],
      command: journal.worker(WORK_MS),
    });
    await candidate.says(i === 1 ? 'elected leader' : 'standing by');
    all.push(candidate);
  }
  const count = WARM + ticks;
  const stamps = await journal.reach('start', count, count * EVERY_MS + 20_000);
  await Promise.all(all.map((candidate) => candidate.stop()));
  return lateness(stamps).slice(WARM, count);
}

/**
 * From each tick to the start of its command. Throws when a tick is missing or came twice, or two commands ran at once:
 * then no figure counts.
 */
function lateness(stamps: ReturnType<Journal['read']>): number[] {
  const starts = stamps.filter(({ what }) => what === 'start');
  for (const [index, { tick, at }] of starts.entries()) {
    const before = starts[index - 1];
    if (before !== undefined && tick !== before.tick + EVERY_MS)
      throw new Error(`after tick ${before.tick} came ${tick}`);
    const running = stamps.some(({ what, at: end, pid }) => what === 'end' && pid === before?.pid && end > at);
    if (running) throw new Error(`two commands at once: tick ${tick} and the one before`);
  }
  return starts.map(({ at, tick }) => at - tick);
}
