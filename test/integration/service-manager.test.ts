/** What ballot says to systemd, heard on a real socket. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { onPath } from '../../scripts/zookeeper-home.mjs';
import { useFolder } from '../support/hooks.ts';
import { pass } from '../support/poll.ts';
import { freePorts } from '../support/ports.ts';
import { NotifySocket } from '../support/service-manager.ts';
import { Stage, useZooKeeper } from '../support/stage.ts';

const zookeeper = useZooKeeper();
const folder = useFolder('notify');
let sockets = 0;
const socket = (name = join(folder, `socket-${++sockets}`)): Promise<NotifySocket> => new NotifySocket(name).bound();
const told = ({ name }: NotifySocket): Record<string, string> => ({ NOTIFY_SOCKET: name });

describe.runIf(onPath('systemd-notify') !== undefined)('a candidate under a service manager', () => {
  it('says that it is ready, how it is, and that it stops', async () => {
    await using stage = zookeeper.stage();
    await using one = await socket();
    await using two = await socket();
    await using three = await socket();
    const leader = await stage.stand({ env: told(one) });
    await one.hears('READY=1');
    await one.hears(
      new RegExp(`^STATUS=leader of ${stage.basePath} since \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ, run \\d+\\.1$`),
    );
    const next = await stage.stand({ env: told(two) });
    await two.hears('READY=1');
    await two.hears(new RegExp(`^STATUS=standing by in ${stage.basePath}: next in line: ${leader.id} leads, on host `));
    await stage.stand({ env: told(three) });
    await three.hears(
      new RegExp(`^STATUS=standing by in ${stage.basePath}: second in line: 2 candidates stand before`),
    );

    leader.signal('SIGTERM');
    await one.hears('STOPPING=1');
    await leader.end();
    await two.hears(/^STATUS=leader of .*, run \d+\.1$/);
    await three.hears(/^STATUS=standing by in .*: next in line: /);
    next.signal('SIGTERM');
    await next.end();
    // Each once, in this order.
    for (const listener of [one, two])
      expect(listener.assignments.filter((said) => /^(READY|STOPPING)/.test(said))).toEqual(['READY=1', 'STOPPING=1']);
    expect(three.count('STOPPING=1')).toBe(0);
  });

  it('says the same without a command', async () => {
    await using stage = zookeeper.stage();
    await using one = await socket();
    await using two = await socket();
    const [leader, next] = [
      stage.start({ mode: 'join', env: told(one) }),
      stage.start({ mode: 'join', env: told(two) }),
    ];
    await Promise.race([leader.says('elected leader'), next.says('elected leader')]);
    const [leading, waiting] = leader.said('elected leader').length > 0 ? [one, two] : [two, one];
    await leading.hears('READY=1');
    await leading.hears(new RegExp(`^STATUS=leader of ${stage.basePath} since \\S+Z$`));
    await waiting.hears('READY=1');
    await waiting.hears(new RegExp(`^STATUS=standing by in ${stage.basePath}: next in line: `));
    (leading === one ? leader : next).signal('SIGTERM');
    await leading.hears('STOPPING=1');
    await waiting.hears(/^STATUS=leader of /);
    expect([leading.count('READY=1'), waiting.count('READY=1'), waiting.count('STOPPING=1')]).toEqual([1, 1, 0]);
  });

  it('keeps all of it from the command', async () => {
    await using stage = zookeeper.stage();
    await using systemd = await socket();
    const script = 'echo "seen:${NOTIFY_SOCKET-}:${WATCHDOG_USEC-}:${WATCHDOG_PID-}:"; stay';
    const candidate = stage.start({ script, env: { ...told(systemd), WATCHDOG_USEC: '60000000' } });
    await candidate.until(() => candidate.wrote().length > 0, 'the command to write');
    expect(candidate.wrote()).toEqual(['seen::::']);
  });

  it('speaks to an abstract socket too', async () => {
    await using stage = zookeeper.stage();
    await using systemd = await socket(`@ballot-test-${randomUUID()}`);
    await stage.stand({ env: told(systemd) });
    await systemd.hears('READY=1');
    expect(systemd.count('READY=1')).toBe(1);
  });

  it('gives a sign of life until it stands still; then another one leads', async () => {
    await using stage = zookeeper.stage();
    await using systemd = await socket();
    // A machine that stands still itself for seconds is no reason to fail.
    const leader = await stage.stand({ env: { ...told(systemd), WATCHDOG_USEC: '2000000' } });
    const next = await stage.stand();
    await systemd.hears('WATCHDOG=1', 3);
    leader.signal('SIGSTOP');
    // What was under way has arrived.
    await pass(500);
    const before = systemd.count('WATCHDOG=1');
    await next.says('elected leader');
    await pass(2_000);
    expect(systemd.count('WATCHDOG=1')).toBe(before);
    expect(systemd.assignments).not.toContain('STOPPING=1');
  });

  it('gives no sign of life where the watchdog is of another process', async () => {
    await using stage = zookeeper.stage();
    await using systemd = await socket();
    await stage.stand({ env: { ...told(systemd), WATCHDOG_USEC: '200000', WATCHDOG_PID: '1' } });
    await systemd.hears('READY=1');
    await systemd.hears(/^STATUS=leader/);
    expect(systemd.count('WATCHDOG=1')).toBe(0);
    expect(systemd.assignments.filter((said) => said.startsWith('EXTEND'))).toEqual([]);
  });

  it('is not ready while ZooKeeper is away, asks for more time, and says why', async () => {
    await using stage = new Stage(`127.0.0.1:${(await freePorts(1))[0]}`);
    await using systemd = await socket();
    stage.start({ env: { ...told(systemd), WATCHDOG_USEC: '2000000' } });
    await systemd.hears('EXTEND_TIMEOUT_USEC=2000000', 2);
    await systemd.hears(new RegExp(`^STATUS=not standing in ${stage.basePath} yet: `));
    expect(systemd.count('READY=1')).toBe(0);
    expect(systemd.count('WATCHDOG=1')).toBe(0);
  });

  it('does its work where nobody listens, or the tool is missing', async () => {
    await using stage = zookeeper.stage();
    const deaf = await stage.stand({ env: { NOTIFY_SOCKET: join(folder, 'nobody') } });
    const line = await deaf.says('the service manager cannot be told');
    expect(line.level).toBe('warn');
    expect(line['why']).toMatch(/^systemd-notify ended with 1: /);
    await stage.journal.started();
    deaf.signal('SIGTERM');
    await deaf.end();

    await using systemd = await socket();
    const bare = stage.start({
      command: ['/bin/sleep', '1000'],
      env: { ...told(systemd), PATH: folder },
    });
    expect((await bare.says('the service manager cannot be told'))['why']).toContain('systemd-notify is not in PATH');
    await bare.says('the command runs');
    expect(systemd.assignments).toEqual([]);
  });
});
