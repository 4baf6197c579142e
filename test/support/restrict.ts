import { systemClock } from '../../src/clock.ts';
import type { ClientEnd } from '../../src/zookeeper/client/client.ts';
import type { WireAnswer, WireRequest } from '../../src/zookeeper/client/wire/messages.ts';
import { WireClient } from '../../src/zookeeper/client/wire/wire-client.ts';

/** Nobody knows the password to this. */
const SOMEBODY = [{ perms: 31, scheme: 'digest', id: 'somebody:nYgV8nFTkp8LIhcOgTPyVQNsg7c=' }];

/** Makes a znode that nobody without a password may read or change. */
export async function restrictedZNode(connectString: string, path: string): Promise<void> {
  const address = connectString.split(',', 1)[0] as string;
  const client = await new Promise<WireClient>((resolve, reject) => {
    const ended = (end: ClientEnd): void => reject(new Error(`no session at ${address}: ${JSON.stringify(end)}`));
    const listener = { granted: () => resolve(connecting), event: () => undefined, ended };
    const connecting = new WireClient({ address, timeout: 10_000, debug: false }, listener, systemClock);
  });
  const ask = (request: WireRequest): Promise<WireAnswer> => new Promise((resolve) => client.ask(request, resolve));
  // It may be there already.
  await ask({ op: 'create', path, data: Buffer.alloc(0), flags: 0 });
  const { rc } = await ask({ op: 'setAcl', path, acl: SOMEBODY, version: -1 });
  await client.close();
  if (rc !== 0) throw new Error(`setAcl ${path}: result code ${rc}`);
}
