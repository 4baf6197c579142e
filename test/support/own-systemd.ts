/** A real service manager for a test: `systemd --user`, with units of the test's own. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onPath } from '../../scripts/zookeeper-home.mjs';
import { poll } from './poll.ts';

const SYSTEMD = '/lib/systemd/systemd';

/** Whether one can be started here: it takes a mount namespace, and so root. */
export const canRunSystemd = (): boolean =>
  existsSync(SYSTEMD) &&
  ['systemctl', 'unshare', 'setpriv'].every((tool) => onPath(tool) !== undefined) &&
  spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/run']).status === 0;

/** Starts at its construction. Dispose of it: what its units run is killed. */
export class OwnSystemd implements AsyncDisposable {
  readonly #folder: string;
  readonly #process: ChildProcess;
  #log = '';

  /** @param folder of the test's own, with a short path: sockets are made in it */
  constructor(folder: string, units: Readonly<Record<string, string>>) {
    this.#folder = folder;
    const [runtime, home] = [join(folder, 'run'), join(folder, 'home')];
    const unitFolder = join(home, '.config/systemd/user');
    mkdirSync(unitFolder, { recursive: true });
    mkdirSync(runtime);
    chmodSync(runtime, 0o700);
    for (const [name, text] of Object.entries(units)) writeFileSync(join(unitFolder, name), text);
    const script = join(import.meta.dirname, 'own-systemd.sh');
    this.#process = spawn('unshare', ['--mount', 'sh', script, runtime, home], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.setEncoding('utf8').on('data', (data: string) => (this.#log += data));
  }

  /** Resolves when it takes requests. */
  async ready(): Promise<this> {
    const socket = join(this.#folder, 'run/systemd/private');
    await poll(() => existsSync(socket), { what: 'systemd --user to listen' }).catch((error: unknown) => {
      throw new Error(`${String(error)}; it said:\n${this.#log}`, { cause: error });
    });
    return this;
  }

  /** `systemctl --user` with these arguments. Resolves with its output; rejects when it fails. */
  async systemctl(...args: string[]): Promise<string> {
    const env = { PATH: process.env['PATH'], XDG_RUNTIME_DIR: join(this.#folder, 'run') };
    try {
      const { stdout } = await promisify(execFile)('systemctl', ['--user', ...args], { env, timeout: 120_000 });
      return stdout.trim();
    } catch (error) {
      throw new Error(`systemctl ${args.join(' ')} failed; systemd said:\n${this.#log.slice(-4000)}`, { cause: error });
    }
  }

  /** A property of a unit. */
  property(unit: string, name: string): Promise<string> {
    return this.systemctl('show', '--value', '--property', name, unit);
  }

  /** Waits until a property of a unit matches. */
  async until(unit: string, name: string, wanted: RegExp): Promise<string> {
    let last = '';
    await poll(async () => wanted.test((last = await this.property(unit, name))), { what: `${name}: ${wanted}` }).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}; it was ${last}; systemd said:\n${this.#log.slice(-4000)}`, { cause: error });
      },
    );
    return last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.systemctl('kill', '--signal=SIGKILL', 'ballot-*').catch(() => undefined);
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await gone;
  }
}
