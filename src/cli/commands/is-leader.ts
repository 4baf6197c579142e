/** `ballot is-leader`: answers by its exit code. Writes nothing. */
import type { CandidateConfig } from '../../config/config.ts';
import { ExitCode } from '../../errors.ts';
import type { Logger } from '../../log/logger.ts';
import type { LookContext } from '../command-context.ts';
import { look, withLog } from '../look.ts';

export interface QuestionContext extends LookContext<CandidateConfig> {
  /** Of the host that asks. */
  readonly hostname: string;
}

/**
 * Resolves with exit code 0 when the candidate holds a fresh lease, else with 1. Throws UnavailableError when that
 * cannot be known within `--timeout`, RefusedError when an ACL forbids the look.
 */
export function isLeader(context: QuestionContext): Promise<number> {
  return withLog(context, quiet(context), async (logger) =>
    (await leads(context, logger, { isThorough: true })) ? ExitCode.ok : ExitCode.no,
  );
}

/** The answer is the exit code: what else is told at level info would be noise, in every minute's mail of cron. */
export function quiet({ config }: QuestionContext): CandidateConfig['logLevel'] {
  return config.logLevel === 'info' ? 'warn' : config.logLevel;
}

/** Whether the candidate leads; what somebody should know of besides is logged. Throws as `isLeader` does. */
export async function leads(
  context: QuestionContext,
  logger: Logger,
  { isThorough }: { readonly isThorough: boolean },
): Promise<boolean> {
  const { config, hostname } = context;
  const question = { candidateId: config.candidateId, hostname, isThorough };
  const answer = await look(context, logger, (observer) => observer.whoLeads(question));
  for (const warning of answer.warnings) logger.warn(warning);
  const said = answer.leads ? 'the candidate leads' : 'the candidate does not lead';
  logger.debug(said, { candidate: config.candidateId, why: answer.why });
  return answer.leads;
}
