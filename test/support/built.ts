import { execFileSync } from 'node:child_process';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { poll } from './poll.ts';
import { classArchive } from './server-command.ts';
import { startZooKeeper } from './zookeeper.ts';

/**
 * Vitest's global set-up: `dist` is built from the sources that are about to be tested, and Java keeps the classes of a
 * ZooKeeper server. Throws when the sources do not build.
 */
export default async function build(): Promise<void> {
  execFileSync(process.execPath, [join(import.meta.dirname, '../../scripts/build.mjs')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await archiveClasses();
}

/** A server is started and ended once. A Java that knows no archives, before 13, does without. */
async function archiveClasses(): Promise<void> {
  const archive = classArchive();
  if (existsSync(archive)) return;
  const draft = `${archive}.${process.pid}`;
  try {
    await using zookeeper = await startZooKeeper({ flags: [`-XX:ArchiveClassesAtExit=${draft}`] });
    const [server] = zookeeper.members;
    if (server?.pid !== undefined) process.kill(server.pid, 'SIGTERM');
    await poll(() => server?.pid === undefined, { what: 'the server ends' });
    renameSync(draft, archive);
  } catch (error) {
    console.warn(`ZooKeeper servers start without an archive of their classes: ${String(error)}`);
  }
}
