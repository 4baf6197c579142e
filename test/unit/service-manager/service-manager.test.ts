/** When the service manager is told what: in virtual time. */
import { describe, expect, it } from 'vitest';
import { ServiceManager, serviceManager, type ServiceState } from '../../../src/service-manager/service-manager.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const READY: ServiceState = { phase: 'ready', status: 'leader', isAlive: true };
const STARTING: ServiceState = { phase: 'starting', status: 'not standing', isAlive: true };
const STOPPING: ServiceState = { phase: 'stopping', status: 'resigning', isAlive: true };

/** A service manager in virtual time that notes what it hears, and a service whose state the test changes. */
function world(first: ServiceState, { watchdog }: { watchdog?: number } = {}) {
  const clock = new VirtualClock(1);
  const heard: { at: number; said: string }[] = [];
  const warnings: string[] = [];
  const service = { state: first, failing: false };
  const manager = new ServiceManager({
    clock: clock.process(),
    logger: { ...silentLogger, warn: (_, fields) => void warnings.push(String(fields?.['why'])) },
    watchdog,
    state: () => service.state,
    send: (assignments) => {
      if (service.failing) return Promise.reject(new Error('nobody listens'));
      heard.push({ at: Math.round(clock.time), said: assignments.join(' ') });
      return Promise.resolve();
    },
  });
  manager.start();
  const pass = async (ms: number): Promise<void> => {
    clock.entered();
    await clock.run(clock.time + ms);
  };
  const times = (said: string): number[] => heard.filter((one) => one.said.includes(said)).map(({ at }) => at);
  return { clock, heard, warnings, service, manager, pass, times };
}

describe('a service manager', () => {
  it('is told once of what stays', async () => {
    const { heard, service, manager, pass } = world(STARTING);
    await pass(3_000);
    service.state = READY;
    await pass(3_000);
    // Between two campaigns nothing becomes less than ready.
    service.state = STARTING;
    await pass(3_000);
    service.state = STOPPING;
    await pass(3_000);
    await manager.close();
    expect(heard.map(({ said }) => said)).toEqual([
      'STATUS=not standing',
      'READY=1 STATUS=leader',
      'STATUS=not standing',
      'STOPPING=1 STATUS=resigning',
    ]);
  });

  it('hears at the end that a service stops which has not said so', async () => {
    const { heard, manager, pass } = world(READY);
    await pass(1_500);
    await manager.close();
    expect(heard.at(-1)?.said).toBe('STOPPING=1');
    await pass(10_000);
    expect(heard).toHaveLength(2);
  });

  it('hears signs of life at half of the watchdog’s time, more time for the start before that, none at the end', async () => {
    const { service, pass, times } = world(STARTING, { watchdog: 3_000 });
    await pass(4_200);
    expect(times('EXTEND_TIMEOUT_USEC=3000000')).toEqual([1_000, 2_500, 4_000]);
    service.state = READY;
    await pass(4_200);
    expect(times('WATCHDOG=1')).toEqual([5_500, 7_000]);
    service.state = STOPPING;
    await pass(4_200);
    expect([...times('WATCHDOG=1'), ...times('EXTEND')]).toHaveLength(5);
  });

  it('hears no sign of life of a service that does not get on, and another one when it does', async () => {
    const { service, pass, times } = world(READY, { watchdog: 10_000 });
    await pass(6_200);
    service.state = { ...READY, isAlive: false };
    await pass(20_000);
    expect(times('WATCHDOG=1')).toEqual([1_000, 6_000]);
    service.state = READY;
    await pass(1_500);
    expect(times('WATCHDOG=1')).toHaveLength(3);
  });

  it('gets what did not arrive later, the latest of each; the log says once why', async () => {
    const { heard, warnings, service, pass } = world(READY);
    service.failing = true;
    service.state = { ...READY, status: 'first' };
    await pass(4_000);
    service.state = { ...READY, status: 'second' };
    await pass(20_000);
    expect(warnings).toEqual(['nobody listens']);
    service.failing = false;
    await pass(6_000);
    expect(heard.slice(-1).map(({ said }) => said)).toEqual([expect.stringContaining('STATUS=second')]);
    expect(heard.map(({ said }) => said)).not.toContain('STATUS=first');
  });

  it('hears one line, whatever the names of others hold', async () => {
    const { heard, pass } = world({ ...READY, status: 'led by x\nMAINPID=1\u202e' });
    await pass(1_500);
    expect(heard[0]?.said).toBe('READY=1 STATUS=led by x.MAINPID=1.');
  });

  it('is there when the environment names its socket', () => {
    const parts = { clock: new VirtualClock(1).process(), logger: silentLogger, state: () => READY };
    expect(serviceManager({}, parts)).toBeUndefined();
    expect(serviceManager({ NOTIFY_SOCKET: '' }, parts)).toBeUndefined();
    expect(serviceManager({ NOTIFY_SOCKET: '/run/x' }, parts)).toBeInstanceOf(ServiceManager);
  });
});
