import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { describe } from '../errors.ts';
import type { Explorer, Found } from './explorer.ts';
import type { Layer } from './layers.ts';

/** A folder may hold one of these. */
const NAMES = ['ballot.yaml', 'ballot.json'] as const;

/** What the file layers say, in rising precedence. */
export interface FileLayers {
  readonly layers: readonly Layer[];
  readonly warnings: readonly string[];
}

/**
 * The folders that may hold `ballot.yaml` or `ballot.json`, in rising precedence: `/etc/ballot`, the user's, the
 * working directory. Those that are not known are left out. A relative XDG_CONFIG_HOME counts as unset, as the XDG Base
 * Directory Specification says.
 */
export function configFolders(env: NodeJS.ProcessEnv, cwd: string | undefined): readonly string[] {
  const folders = ['/etc/ballot', userFolder(env), cwd].filter((folder) => folder !== undefined);
  return [...new Set(folders.map((folder) => resolve(folder)))];
}

function userFolder(env: NodeJS.ProcessEnv): string | undefined {
  const xdg = env['XDG_CONFIG_HOME'];
  if (xdg && isAbsolute(xdg)) return join(xdg, 'ballot');
  const home = env['HOME'] || homeOfUser();
  return home === undefined ? undefined : join(home, '.config', 'ballot');
}

/** `undefined`: the system does not know the user, as in a container that runs as some number. */
function homeOfUser(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/** One file, which must exist. */
export async function readNamedFile(path: string): Promise<FileLayers> {
  return { layers: [await readLayer(path, async (explorer) => explorer.load(path))], warnings: [] };
}

/** The file of each folder that has one. */
export async function readFolders(folders: readonly string[]): Promise<FileLayers> {
  const layers: Layer[] = [];
  const warnings: string[] = [];
  for (const folder of folders) {
    const present: string[] = [];
    for (const name of NAMES) {
      const there = await isThere(join(folder, name));
      if (there === true) present.push(join(folder, name));
      else if (there !== false) warnings.push(`${join(folder, name)}: cannot be looked for (${there}), passed over`);
    }
    const misnamed = join(folder, 'ballot.yml');
    if ((await isThere(misnamed)) === true)
      warnings.push(`${misnamed}: not read, its name would have to be ballot.yaml`);
    const [path, other] = present;
    if (path === undefined) continue;
    if (other !== undefined) {
      layers.push(failed(`${path} and ${other}: only one of them can count, remove the other`));
    } else {
      // A search passes over what cannot be read; the file is known to be there, so loading it then says what is wrong.
      layers.push(
        await readLayer(path, async (explorer) => (await explorer.search(folder)) ?? (await explorer.load(path))),
      );
    }
  }
  return { layers, warnings };
}

function failed(problem: string): Layer {
  return { settings: [], problems: [problem] };
}

/** Whether something is at the path, or why that cannot be said. */
async function isThere(path: string): Promise<boolean | string> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? false : message;
  }
}

async function readLayer(path: string, read: (explorer: Explorer) => Promise<Found | null>): Promise<Layer> {
  // Loaded only now: most hosts have no such file, and the search and the parser cost as much as all the rest of the
  // start.
  const { openExplorer } = await import('./explorer.ts');
  const explorer = openExplorer(NAMES);
  try {
    const found = await read(explorer);
    return found?.config ?? { settings: [], problems: [] };
  } catch (error) {
    return failed(`${path}: cannot be read: ${describe(error)}`);
  }
}
