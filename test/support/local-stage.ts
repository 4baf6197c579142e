import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ElectionFolder, folderOf } from '../../src/local/folder.ts';
import type { CandidateOptions } from './candidate.ts';
import { Stage } from './stage.ts';

/** An election on this host, in a state folder of its own. Otherwise as a `Stage`. */
export class LocalStage extends Stage {
  readonly stateDir = mkdtempSync(join(tmpdir(), 'ballot-state-'));
  readonly name = 'job';

  constructor() {
    super('no servers');
  }

  /** Where its files are. */
  get folder(): ElectionFolder {
    return folderOf(this.stateDir, this.name);
  }

  /** As flags, for one who is started in another way. */
  override get question(): readonly string[] {
    return ['--coordinator=local', `--state-dir=${this.stateDir}`, `--election=${this.name}`];
  }

  protected override get place(): Pick<CandidateOptions, 'flags'> {
    return { flags: { coordinator: 'local', 'state-dir': this.stateDir, election: this.name } };
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}
