/** `ballot info`: who leads, who stands, the last runs, and what is odd about it. Reads only. */
import { systemClock } from '../../clock.ts';
import { inspect, neighbourhood, readRegister } from '../../zookeeper/report/inspection.ts';
import { electionReport, type ElectionReport } from '../../zookeeper/report/report.ts';
import type { Logger } from '../../log/logger.ts';
import { LEDGER } from '../../ledger/record.ts';
import type { ReportContext } from '../command-context.ts';
import { look, notesOnServers, report } from '../look.ts';
import { isDeserted, wasNeverHeld, notesOnNobody } from '../report/nobody.ts';
import { LAST_RUNS, pictureOf } from '../report/picture.ts';
import { render } from '../report/render.ts';

/**
 * Prints a report about the election to stdout; everything else goes to stderr. Resolves with exit code 0 for every
 * report, also that nobody leads. Throws UnavailableError when there is no answer within `--timeout`, RefusedError when
 * an ACL forbids the look.
 */
export function info(context: ReportContext): Promise<number> {
  return report(context, (logger) => infoText(context, logger));
}

/** What there is to be seen. */
interface Sight {
  readonly report: ElectionReport;
  /** Of the ledger of runs. */
  readonly data: Buffer;
  readonly notes: readonly string[];
  /** Nobody leads and nobody stands. */
  readonly deserted: boolean;
}

async function seeLocally({ config }: ReportContext): Promise<Sight> {
  const [{ electionFolder }, { localRegister, localStandings }] = await Promise.all([
    import('../local.ts'),
    import('../../local/standings.ts'),
  ]);
  const folder = electionFolder(config);
  const seen = localStandings(folder);
  const deserted = seen.lease === undefined;
  const notes = deserted ? [`nobody leads and nobody stands in ${folder.path}`] : [];
  return { report: seen, data: localRegister(folder, LEDGER), notes, deserted };
}

async function seeInZooKeeper(context: ReportContext, logger: Logger): Promise<Sight> {
  const [snapshot, data, servers, around] = await look(context, logger, systemClock, async (inspection) => {
    const [found, ...others] = await Promise.all([
      inspect(inspection),
      readRegister(inspection, LEDGER),
      notesOnServers(context, systemClock, inspection.signal),
    ]);
    const isNew = isDeserted(found) && wasNeverHeld(found);
    return [found, ...others, isNew ? await neighbourhood(inspection) : undefined] as const;
  });
  const notes = [...notesOnNobody(snapshot, around), ...servers];
  return { report: electionReport(snapshot), data, notes, deserted: isDeserted(snapshot) };
}

/** The report as text, in the format asked for. Throws as `info` does. */
export async function infoText(context: ReportContext, logger: Logger): Promise<string> {
  const isLocal = context.config.coordinator === 'local';
  const {
    report: found,
    data,
    notes,
    deserted,
  } = await (isLocal ? seeLocally(context) : seeInZooKeeper(context, logger));
  // A report of nobody is `{}`, as Go's ballot prints it: programs look for that.
  const apart = deserted && context.output !== 'table';
  if (apart) for (const note of notes) logger.info('nobody leads, nobody stands', { note });
  const looked = { now: systemClock.wall(), seed: context.config.zookeeperBasePath };
  const { election, runs, schedule, unreadable } = await pictureOf(found, data, looked);
  if (unreadable !== undefined) logger.warn('the ledger of runs cannot be read', unreadable);
  const seen = { ...election, ...(notes.length > 0 && !apart && { notes }) };
  return render(seen, context.output, runs.slice(-LAST_RUNS), schedule);
}
