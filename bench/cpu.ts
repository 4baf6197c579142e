/**
 * CPU that a candidate uses while nothing happens: a leader whose command sleeps, the next in line, and others standing
 * by.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuTime, pairOf, type Pair } from './support/processes.ts';
import { figure, type Figure, type Report } from './support/report.ts';
import type { Workshop } from './support/workshop.ts';

const SETTLE_MS = 5_000;
const WINDOWS = 5;
const WINDOW_MS = 10_000;
const PROMISE_MS = 120;

export async function measure(shop: Workshop): Promise<Report> {
  const roles: { role: string; pair: Pair }[] = [];
  for (const role of ['leader', 'next in line', 'standby']) {
    const journal = shop.journal();
    const candidate = shop.candidate({
      id: role.replaceAll(' ', '-'),
      basePath: '/bench/cpu',
      flags: ['--zookeeper-session-timeout', '5s'],
      command: journal.idler(),
    });
    await candidate.says(role === 'leader' ? 'the command runs' : 'standing by');
    roles.push({ role, pair: await pairOf(candidate) });
  }
  await sleep(SETTLE_MS);
  const used: Used[] = [];
  for (let i = 0; i < WINDOWS; i++) used.push(...(await watch(roles)));
  return {
    figures: roles.flatMap(({ role }) =>
      figuresOf(
        role,
        used.filter((one) => one.role === role),
      ),
    ),
    notes: [
      `Session timeout 5 s; ${WINDOWS} windows of ${WINDOW_MS / 1000} s, each extrapolated to a minute; the first begins ${SETTLE_MS / 1000} s after the last candidate stood by.`,
      'All threads of both processes, by the scheduler’s count (/proc/PID/task/*/schedstat).',
      'The leader renews its lease every third of the session timeout, the next in line reads it as often, a standby further back sends pings alone.',
    ],
  };
}

interface Used {
  readonly role: string;
  readonly supervisor: number;
  readonly keeper: number;
}

/** What each used in one window, in ms a minute. */
async function watch(roles: readonly { role: string; pair: Pair }[]): Promise<Used[]> {
  const look = (): { supervisor: number; keeper: number }[] =>
    roles.map(({ pair }) => ({ supervisor: cpuTime(pair.supervisor), keeper: cpuTime(pair.keeper) }));
  const [startedAt, before] = [performance.now(), look()];
  await sleep(WINDOW_MS);
  const [after, perMinute] = [look(), 60_000 / (performance.now() - startedAt)];
  return roles.map(({ role }, i) => ({
    role,
    supervisor: ((after[i]?.supervisor ?? NaN) - (before[i]?.supervisor ?? NaN)) * perMinute,
    keeper: ((after[i]?.keeper ?? NaN) - (before[i]?.keeper ?? NaN)) * perMinute,
  }));
}

function figuresOf(role: string, used: readonly Used[]): Figure[] {
  return [
    figure(
      `${role}: both processes`,
      'ms/min',
      used.map(({ supervisor, keeper }) => supervisor + keeper),
      PROMISE_MS,
    ),
    figure(
      `${role}: supervisor`,
      'ms/min',
      used.map(({ supervisor }) => supervisor),
    ),
    figure(
      `${role}: keeper`,
      'ms/min',
      used.map(({ keeper }) => keeper),
    ),
  ];
}
