/** `ballot completion`: prints the script that teaches a shell to complete command lines of ballot. */
import { basename } from 'node:path';
import { didYouMean } from '../../config/nearest.ts';
import { ExitCode, UsageError } from '../../errors.ts';
import { bashCompletion } from '../completion/bash.ts';
import { completionTable, type Completed } from '../completion/table.ts';
import { zshCompletion } from '../completion/zsh.ts';
import type { Flag } from '../flags.ts';
import { print } from '../report/print.ts';

const SHELLS = { bash: bashCompletion, zsh: zshCompletion } as const;

export interface CompletionRequest {
  /** The shell that is asked for. `undefined`: the user's own. */
  readonly shell: string | undefined;
  /** The path of the user's own shell, as SHELL names it. */
  readonly ownShell: string | undefined;
  readonly commands: readonly Completed[];
  readonly commonFlags: readonly Flag[];
  readonly version: string;
}

/** Prints the script. Resolves with the exit code; throws UsageError for a shell that ballot has no script for. */
export async function completion(request: CompletionRequest): Promise<number> {
  const { commands, commonFlags, version } = request;
  await print(SHELLS[shellOf(request)](completionTable(commands, commonFlags), version));
  return ExitCode.ok;
}

function shellOf({ shell, ownShell }: CompletionRequest): keyof typeof SHELLS {
  const name = shell ?? basename(ownShell ?? '');
  const known = Object.keys(SHELLS) as (keyof typeof SHELLS)[];
  const found = known.find((candidate) => candidate === name);
  if (found !== undefined) return found;
  const own = ownShell === undefined ? 'not set' : JSON.stringify(ownShell);
  const asked =
    shell === undefined
      ? `ballot completion needs to know the shell: SHELL is ${own}`
      : `ballot completion ${JSON.stringify(shell)}: there is no script for this shell${didYouMean(shell, known)}`;
  throw new UsageError(asked, { hint: `ballot completion ${known.join(', ballot completion ')}` });
}
