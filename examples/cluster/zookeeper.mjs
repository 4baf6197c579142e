/**
 * `npm run example:zookeeper`: a throw-away ZooKeeper server for the candidates of this example. It writes its address
 * into `.server`, where they find it. Ctrl-C ends it and removes its data.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setUpOrExit } from '../../scripts/setup.mjs';

setUpOrExit();
// Only now: it needs a package.
await import('../../scripts/run-ts.mjs');
const { startZooKeeper } = await import('../../test/support/zookeeper.ts');

const file = join(import.meta.dirname, '.server');

/** @param {string} address @returns {Promise<boolean>} whether somebody listens there */
function listens(address) {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    socket.setTimeout(2_000, () => socket.destroy());
    socket.once('connect', () => resolve(true)).once('close', () => resolve(false));
    socket.once('connect', () => socket.destroy()).on('error', () => undefined);
  });
}

const other = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
if (other !== undefined && (await listens(other))) {
  console.error(`a server of this example listens on ${other} already: use it, or end it first`);
  process.exit(1);
}

/** Ends the example from outside. @type {Promise<number>} */
const interrupted = new Promise((resolve) => {
  process.once('SIGINT', () => resolve(130));
  process.once('SIGTERM', () => resolve(143));
});

const zookeeper = await startZooKeeper();
try {
  writeFileSync(file, `${zookeeper.connectString}\n`);
  console.log(`ZooKeeper listens on ${zookeeper.connectString}. Now, in other terminals: npm run example:candidate`);
  process.exitCode = await interrupted;
} finally {
  rmSync(file, { force: true });
  await zookeeper.close();
  process.exit();
}
