/** `ballot history`: the last runs. Reads only. */
import { BallotError, ExitCode } from '../../errors.ts';
import type { Logger } from '../../log/logger.ts';
import { isOpen, LEDGER, parseLedger, type RunRecord } from '../../ledger/record.ts';
import type { ReportContext } from '../command-context.ts';
import { look, report } from '../look.ts';
import { leadingTerm, renderRuns } from '../report/runs.ts';

/**
 * Prints the runs that the ledger holds to stdout, oldest first; everything else goes to stderr. Resolves with exit
 * code 0, also when there are none. Throws UnavailableError when there is no answer within `--timeout`, RefusedError
 * when an ACL forbids the look, BallotError (69) when the ledger cannot be read.
 */
export function history(context: ReportContext): Promise<number> {
  return report(context, async (logger) => renderRuns(...(await runsOf(context, logger)), context.output));
}

/** The runs, and which term holds the lease. */
function runsOf(context: ReportContext, logger: Logger): Promise<[readonly RunRecord[], number | undefined]> {
  return look(context, logger, async (observer) => {
    const runs = runsIn(await observer.register(LEDGER), observer.name, logger);
    // Only who leads knows what runs.
    return [runs, runs.some(isOpen) ? leadingTerm((await observer.see(LEDGER)).report) : undefined];
  });
}

/** The runs that the ledger's data holds. `election`: where that is, for people. */
function runsIn(data: Buffer, election: string, logger: Logger): readonly RunRecord[] {
  const parsed = parseLedger(data);
  if (parsed.kind === 'unreadable')
    throw new BallotError(
      'LEDGER',
      ExitCode.unavailable,
      `the ledger of runs of ${election} cannot be read: ${parsed.why}: ${parsed.excerpt}`,
      { hint: 'the next leader replaces it' },
    );
  if (parsed.kind === 'empty')
    logger.info('this election has no ledger of runs: no leader has run a command in it yet', { election });
  return parsed.kind === 'empty' ? [] : parsed.ledger.runs;
}
