/** One process of a pool (`pool.ts`): does what it is told, one job after the other, and reports each result. */
import { runHistory, type History } from './history.ts';
import { runLibraryHistory } from './library.ts';
import { all } from './mutants.ts';
import { replay } from './replies.ts';
import type { Job, Result } from './pool.ts';

// Most errors of a history are looked at by code alone; their stacks would take a tenth of the time.
Error.stackTraceLimit = 0;

function summary({ setting, problems, runs, terms, lasted }: History): Result {
  const { theme, candidates, servers, cron } = setting;
  const about = `${theme}${cron ? `, ${cron.text}` : ''}, ${candidates} candidates, ${servers} servers`;
  return { about, problems, runs, terms, lasted };
}

async function perform(job: Job): Promise<Result> {
  switch (job.kind) {
    case 'history':
      return summary(await runHistory(job.seed, { mode: job.mode }));
    case 'mutant': {
      const { theme, mode = 'once', parts } = all[job.mutant];
      return summary(await runHistory(job.seed, { mode, theme, parts: job.mutated ? parts : {} }));
    }
    case 'library': {
      const { setting, problems, terms, lasted } = await runLibraryHistory(job.seed);
      return { about: `${setting.hosts} programs, ${setting.servers} servers`, problems, runs: 0, terms, lasted };
    }
    case 'reply': {
      const { problems } = await replay(job.incident.mode, job.incident);
      return { about: JSON.stringify(job.incident), problems, runs: 0, terms: 0, lasted: 0 };
    }
  }
}

async function main(jobs: readonly Job[]): Promise<void> {
  const results: Result[] = [];
  for (const job of jobs) results.push(await perform(job));
  process.send?.(results);
}

process.on('message', (jobs: readonly Job[]) => void main(jobs));
