/** Cgroups (version 2) of the tests' own, where this machine lets us have them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { locateCgroup } from '../../src/command/run-cgroups.ts';
import { startedIn } from './candidate.ts';
import { poll } from './poll.ts';

/** A cgroup below our own. Dispose of it: all that lives in it is killed. */
export class TestCgroup implements AsyncDisposable {
  readonly path: string;

  constructor(parent: string) {
    this.path = mkdtempSync(join(parent, 'ballot-test-'));
  }

  /** The cgroups of runs below it. */
  runs(): string[] {
    return readdirSync(this.path).filter((name) => name.startsWith('run-'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    writeFileSync(join(this.path, 'cgroup.kill'), '1');
    await poll(() => /populated 0/.test(readFileSync(join(this.path, 'cgroup.events'), 'utf8')), {
      what: 'the end of all that is in the cgroup',
    });
    removeTree(this.path);
  }
}

function removeTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  rmdirSync(folder);
}

/** The folder below which cgroups can be made and used; `undefined` when there is none on this machine. */
export function findCgroupHome(): string | undefined {
  const own = locateCgroup(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'));
  if (own === undefined) return undefined;
  let tried: string;
  try {
    tried = mkdtempSync(join(own, 'ballot-test-'));
  } catch {
    return undefined;
  }
  const [file, ...args] = startedIn(tried, ['test', '-w', `${tried}/cgroup.kill`]);
  const { status } = spawnSync(file, args, { stdio: 'ignore' });
  rmdirSync(tried);
  return status === 0 ? own : undefined;
}
