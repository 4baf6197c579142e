import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const SCRIPT = `
const ZooKeeper = require('zookeeper');
const [connect, path] = process.argv.slice(1);
const client = new ZooKeeper({ connect, timeout: 4000, debug_level: 0, response_counter_limit: 2147483647 });
client.init({});
client.once('connect', () => {
  client.a_create(path, Buffer.alloc(0), 0, () => {
    client.a_set_acl(path, -1, [{ perms: 31, scheme: 'digest', auth: 'somebody:nYgV8nFTkp8LIhcOgTPyVQNsg7c=' }], (rc) => process.exit(rc === 0 ? 0 : 1));
  });
});`;

/**
 * Makes a znode that nobody without a password may read or change. In a process of its own: the ZooKeeper binding may
 * not share one.
 */
export async function restrictedZNode(connectString: string, path: string): Promise<void> {
  await promisify(execFile)(process.execPath, ['-e', SCRIPT, connectString, path], { timeout: 120_000 });
}
