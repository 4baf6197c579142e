/**
 * What every benchmark works with: a throw-away ZooKeeper server, a temporary folder, candidates, and the end of them
 * all.
 */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ensemble, startZooKeeper } from '../../test/support/zookeeper.ts';
import { Candidate, type CandidateOptions } from './candidate.ts';
import { Journal } from './journal.ts';

export class Workshop {
  readonly root: string;
  readonly folder: string;
  readonly ensemble: Ensemble;
  readonly #candidates = new Set<Candidate>();
  #journals = 0;

  private constructor(root: string, folder: string, ensemble: Ensemble) {
    this.root = root;
    this.folder = folder;
    this.ensemble = ensemble;
  }

  /**
   * Opens one for the length of `work`. `root`: the folder of the repository. `tickTime`: the server's, ms; sessions
   * last up to twenty of it.
   */
  static async use<T>(
    root: string,
    { tickTime = 500 }: { tickTime?: number },
    work: (shop: Workshop) => Promise<T>,
  ): Promise<T> {
    const folder = await mkdtemp(join(tmpdir(), 'ballot-bench-'));
    const removal = (): void => rmSync(folder, { recursive: true, force: true });
    process.once('exit', removal);
    const ensemble = await startZooKeeper({ tickTime });
    const shop = new Workshop(root, folder, ensemble);
    try {
      return await work(shop);
    } finally {
      await shop.stopAll();
      await ensemble.close();
      removal();
      process.off('exit', removal);
    }
  }

  /** Starts `ballot run` on this server, unless `options` say otherwise. */
  candidate(options: Omit<CandidateOptions, 'root' | 'cwd' | 'servers'> & { readonly servers?: string }): Candidate {
    const candidate = new Candidate({
      root: this.root,
      cwd: this.folder,
      servers: this.ensemble.connectString,
      ...options,
    });
    this.#candidates.add(candidate);
    void candidate.ended.then(() => this.#candidates.delete(candidate));
    return candidate;
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#candidates].map((candidate) => candidate.stop()));
  }

  journal(): Journal {
    return new Journal(join(this.folder, `journal-${++this.#journals}`));
  }

  /** The server's own word for its version. */
  async serverVersion(): Promise<string> {
    return /^Zookeeper version: ([^,-]+)/m.exec(await this.ensemble.server.ask('srvr'))?.[1] ?? 'unknown';
  }
}
