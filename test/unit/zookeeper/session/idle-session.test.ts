import { afterEach, describe, expect, it } from 'vitest';
import { Addresses, probe, wantsTls } from '../../../../src/zookeeper/session/addresses.ts';
import { KeptSession } from '../../../../src/zookeeper/session/session.ts';
import { Keepers } from '../../../../src/zookeeper/session/keepers.ts';
import { KeeperConnection } from '../../../../src/zookeeper/session/keeper-connection.ts';
import { FakeKeeper } from '../../../support/fake-keeper.ts';
import { recorder } from '../../../support/sessions.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';
import { NO_ACCESS } from '../../../../src/zookeeper/session/access.ts';

const TIMEOUT_MS = 6000;
const opened: { readonly clock: VirtualClock; readonly session: KeptSession }[] = [];

afterEach(async () => {
  for (const { clock, session } of opened.splice(0)) await clock.wait(session.close(10));
});

/** The session of a standby: nothing is asked of the ensemble. Whoever takes it over finds no server. */
async function idle() {
  const clock = new VirtualClock(1);
  const process = clock.process();
  const grant = { id: '7', password: 'secret', timeout: TIMEOUT_MS };
  const keeper = new FakeKeeper([
    { kind: 'connecting', client: 'fake' },
    { kind: 'granted' },
    { kind: 'connected', grant },
  ]);
  const endpoint = { name: 'zk1:2181', host: 'zk1', ip: '127.0.0.1', port: 1 };
  const context = {
    addresses: new Addresses([{ host: '127.0.0.1', port: 1 }], process),
    keepers: new Keepers(() => new FakeKeeper(), process, undefined),
    sessionTimeout: TIMEOUT_MS,
    client: 'auto' as const,
    access: NO_ACCESS,
    debug: false,
    probe,
    wantsTls,
    clock: process,
    logger: recorder().logger,
  };
  const connection = new KeeperConnection(keeper, endpoint, process);
  await connection.connect(
    { timeout: TIMEOUT_MS, client: 'auto', debug: false },
    TIMEOUT_MS,
    new AbortController().signal,
  );
  const session = new KeptSession(context, { kind: 'found', connection, grant });
  opened.push({ clock, session });
  const pings = (): number => keeper.received.filter(({ kind }) => kind === 'ping').length;
  return { clock, keeper, session, pings };
}

describe('a session in which nobody asks for anything', () => {
  it('loses a keeper that was stopped within two session timeouts', async () => {
    const { clock, keeper, session, pings } = await idle();
    await clock.run(TIMEOUT_MS / 2 + 1);
    expect(pings()).toBe(0);
    await clock.run(2 * TIMEOUT_MS - 1);
    expect(session.contact.up).toBe(true);
    await clock.run(2 * TIMEOUT_MS + 1);
    expect(session.contact).toMatchObject({ up: false, why: 'zk1:2181: the keeper process does not answer' });
    expect(keeper.end).toBe('was ended by SIGKILL');
    expect(pings()).toBe(2);
  });

  it('keeps a keeper that answers, however late', async () => {
    const { clock, keeper, session, pings } = await idle();
    for (let answers = 0; answers < 20; answers += 1) {
      await clock.run(clock.time + 0.9 * TIMEOUT_MS);
      keeper.report({ kind: 'alive' });
    }
    expect(session.contact.up).toBe(true);
    expect(keeper.end).toBeUndefined();
    expect(pings()).toBeGreaterThan(10);
  });
});
