/** `ballot info`: who leads, who stands, the last runs, and what is odd about it. Reads only. */
import { systemClock } from '../../clock.ts';
import { inspect, neighbourhood, readRegister } from '../../zookeeper/report/inspection.ts';
import { electionReport, type ElectionReport } from '../../zookeeper/report/report.ts';
import type { Logger } from '../../log/logger.ts';
import { LEDGER, parseLedger, type Ledger } from '../../ledger/record.ts';
import type { ReportContext } from '../command-context.ts';
import { look, notesOnServers, report } from '../look.ts';
import { isDeserted, wasNeverHeld, notesOnNobody } from '../report/nobody.ts';
import { render } from '../report/render.ts';
import { servedSchedule, withScheduleNotes } from '../report/schedules.ts';

/** How many of the last runs are shown; `ballot history` has them all. */
const LAST_RUNS = 3;

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
    report: plain,
    data,
    notes,
    deserted,
  } = await (isLocal ? seeLocally(context) : seeInZooKeeper(context, logger));
  // A report of nobody is `{}`, as Go's ballot prints it: programs look for that.
  const apart = deserted && context.output !== 'table';
  if (apart) for (const note of notes) logger.info('nobody leads, nobody stands', { note });
  const seen = { ...withScheduleNotes(plain), ...(notes.length > 0 && !apart && { notes }) };
  const parsed = parseLedger(data);
  if (parsed.kind === 'unreadable')
    logger.warn('the ledger of runs cannot be read', { why: parsed.why, excerpt: parsed.excerpt });
  const ledger = parsed.kind === 'ledger' ? parsed.ledger : undefined;
  const election = withTerms(seen, ledger);
  const runs = ledger?.runs.slice(-LAST_RUNS);
  const looked = { now: systemClock.wall(), seed: context.config.zookeeperBasePath };
  return render(election, context.output, runs, await servedSchedule(election, ledger, looked));
}

function withTerms(election: ElectionReport, ledger: Ledger | undefined): ElectionReport {
  if (election.lease === undefined || ledger?.terms === undefined) return election;
  return { ...election, lease: { ...election.lease, terms: ledger.terms } };
}
