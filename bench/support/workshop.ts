/**
 * What every benchmark works with: a throw-away ZooKeeper server, a temporary folder, candidates, and the end of them
 * all.
 */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Authority, securePort, type Issued } from '../../test/support/certificates.ts';
import { type Ensemble, startZooKeeper } from '../../test/support/zookeeper.ts';
import { Candidate, type CandidateOptions } from './candidate.ts';
import { Journal } from './journal.ts';

/** How candidates speak to the server. */
export interface Way {
  readonly servers?: string;
  readonly flags: readonly string[];
}

interface Secured {
  readonly authority: Authority;
  readonly server: Issued;
  readonly own: Issued;
}

const portFor =
  ({ authority, server }: Secured) =>
  (port: number): Record<string, string | number> =>
    securePort(port, server, authority.cert, 'need');

function wayBy({ authority, own }: Secured, port: number): Way {
  const options = { ca: authority.cert, cert: own.cert, key: own.key };
  const files = Object.entries(options).flatMap(([name, path]) => [`--zookeeper-tls-${name}`, path]);
  return { servers: `localhost:${port}`, flags: ['--zookeeper-client', 'auto', '--zookeeper-tls', 'true', ...files] };
}

export class Workshop {
  readonly root: string;
  readonly folder: string;
  readonly ensemble: Ensemble;
  readonly #byTls: Way | undefined;
  readonly #candidates = new Set<Candidate>();
  #journals = 0;

  private constructor(root: string, folder: string, ensemble: Ensemble, byTls: Way | undefined) {
    this.#byTls = byTls;
    this.root = root;
    this.folder = folder;
    this.ensemble = ensemble;
  }

  /**
   * Opens one for the length of `work`. `root`: the folder of the repository. `tickTime`: the server's, ms; sessions
   * last up to twenty of it. `tls`: it has a port for TLS beside the other, and wants a certificate there.
   */
  static async use<T>(
    root: string,
    { tickTime = 500, tls = false }: { tickTime?: number; tls?: boolean },
    work: (shop: Workshop) => Promise<T>,
  ): Promise<T> {
    const folder = await mkdtemp(join(tmpdir(), 'ballot-bench-'));
    const removal = (): void => rmSync(folder, { recursive: true, force: true });
    process.once('exit', removal);
    const authority = tls ? new Authority(folder, 'bench-ca') : undefined;
    const secured = authority && { authority, server: authority.issue('server'), own: authority.issue('ballot') };
    const ensemble = await startZooKeeper({ tickTime, ...(secured && { secure: portFor(secured) }) });
    const shop = new Workshop(root, folder, ensemble, secured && wayBy(secured, ensemble.server.securePort));
    try {
      return await work(shop);
    } finally {
      await shop.stopAll();
      await ensemble.close();
      removal();
      process.off('exit', removal);
    }
  }

  /** The way by TLS. Throws when the server does not speak it. */
  get byTls(): Way {
    if (this.#byTls === undefined) throw new Error('the server of this benchmark speaks no TLS');
    return this.#byTls;
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
