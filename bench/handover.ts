/**
 * From the end of a run on one candidate to the start of the next run on another: five candidates,
 * `on-child-success=reelect`.
 */
import { backToBack, gaps } from './support/journal.ts';
import { figure, type Report } from './support/report.ts';
import { syncTimes } from './support/disk.ts';
import type { Way, Workshop } from './support/workshop.ts';

export const CANDIDATES = 5;
const HANDOVERS = 60;
export const WORK_MS = 150;
const PROMISE_MS = 12;

/** The gaps between the runs of different candidates, once everybody has led. */
export async function betweenCandidates(
  shop: Workshop,
  basePath: string,
  handovers: number,
  { flags, ...place }: Way = { flags: [] },
): Promise<ReturnType<typeof gaps>> {
  const journal = shop.journal();
  for (let i = 1; i <= CANDIDATES; i++) {
    const candidate = shop.candidate({
      id: `c${i}`,
      basePath,
      ...place,
      flags: ['--zookeeper-session-timeout', '5s', '--on-child-success', 'reelect', ...flags],
      command: journal.worker(WORK_MS),
    });
    // The first leads without a pause until there is a second.
    await candidate.says(i === 1 ? 'the command runs' : 'standing by');
  }
  // On a busy machine the first has run often before the last stands.
  const alone = journal.read().filter(({ what }) => what === 'start').length;
  // Everybody has led once: what loads at the first run has been loaded.
  const warm = (await journal.reach('start', alone + CANDIDATES)).length;
  const all = await journal.reach('start', alone + CANDIDATES + handovers, 40_000);
  return gaps(all.slice(warm - 1)).filter(({ from, to }) => from.candidate !== to.candidate);
}

export async function measure(shop: Workshop): Promise<Report> {
  const between = await betweenCandidates(shop, '/bench/handover', HANDOVERS);
  const floor = shop.journal();
  return {
    figures: [
      figure(
        'end of a run → start of the next on another candidate',
        'ms',
        between.map(({ ms }) => ms),
        PROMISE_MS,
      ),
      figure('of it: the probe (end → start in a shell loop)', 'ms', backToBack(floor, floor.worker(WORK_MS), 40)),

      figure('of it, twice: the disk forces one of the server’s writes', 'ms', syncTimes(shop.folder, 40)),
    ],
    notes: [
      `${CANDIDATES} candidates, session timeout 5 s, commands of ${WORK_MS} ms; runs that came back to the same candidate are left out.`,
      "From the command's last line to the first line of the next command, both bash: the end of the one and the start of the other are within the figure. The same gap in a shell loop, which does nothing but wait and fork, is the second row.",
      'No two commands overlapped: the journal was checked.',
    ],
  };
}
