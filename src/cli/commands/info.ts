/** `ballot info`: who leads, who stands, the last runs, and what is odd about it. Reads only. */
import { systemClock } from '../../clock.ts';
import type { Logger } from '../../log/logger.ts';
import { LEDGER } from '../../ledger/record.ts';
import type { ReportContext } from '../command-context.ts';
import { look, notesOnServers, report } from '../look.ts';
import { notesOnNobody } from '../report/nobody.ts';
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

/** The report as text, in the format asked for. Throws as `info` does. */
export async function infoText(context: ReportContext, logger: Logger): Promise<string> {
  const [{ report: found, register: data, deserted }, servers] = await look(context, logger, (observer) =>
    Promise.all([observer.see(LEDGER), notesOnServers(context, observer.signal)]),
  );
  const notes = [...notesOnNobody(deserted), ...servers];
  // A report of nobody is `{}`, as Go's ballot prints it: programs look for that.
  const apart = deserted !== undefined && context.output !== 'table';
  if (apart) for (const note of notes) logger.info('nobody leads, nobody stands', { note });
  const looked = { now: systemClock.wall(), seed: context.config.zookeeperBasePath };
  const { election, runs, schedule, unreadable } = await pictureOf(found, data, looked);
  if (unreadable !== undefined) logger.warn('the ledger of runs cannot be read', unreadable);
  const seen = { ...election, ...(notes.length > 0 && !apart && { notes }) };
  return render(seen, context.output, runs.slice(-LAST_RUNS), schedule);
}
