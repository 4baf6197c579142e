/**
 * What standing by costs the ensemble: requests a minute of a leader, of the next in line, and of those further back.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Counts, difference, RequestCounter, withoutPings } from './support/counter.ts';
import { figure, type Report } from './support/report.ts';
import type { Workshop } from './support/workshop.ts';

const WINDOW_MS = 45_000;
const SETTLE_MS = 3_000;
const ROLES = ['leader', 'next in line', 'standby, third', 'standby, fourth'];

interface Watched {
  readonly role: string;
  /** Numbers of its connections. */
  readonly from: number;
  readonly to: number;
}

export async function measure(shop: Workshop): Promise<Report> {
  await using counter = await RequestCounter.open(shop.ensemble.server.port);
  const watched: Watched[] = [];
  for (const [index, role] of ROLES.entries()) {
    const from = counter.connections;
    const candidate = shop.candidate({
      id: `c${index + 1}`,
      servers: counter.connectString,
      basePath: '/bench/standby',
      flags: ['--zookeeper-session-timeout', '5s'],
      command: ['sleep', '1000'],
    });
    await candidate.says(index === 0 ? 'the command runs' : 'standing by');
    watched.push({ role, from, to: counter.connections });
  }
  await sleep(SETTLE_MS);
  const connections = counter.connections;
  const look = (): Counts[] => watched.map(({ from, to }) => counter.counts(from, to));
  const [startedAt, before] = [performance.now(), look()];
  await sleep(WINDOW_MS);
  const [after, perMinute] = [look(), 60_000 / (performance.now() - startedAt)];
  if (counter.connections !== connections) throw new Error('a candidate lost its connection while it was watched');
  const found = watched.map(({ role }, i) => ({
    role,
    counts: difference(before[i] ?? new Map(), after[i] ?? new Map()),
  }));
  await shop.stopAll();
  return {
    figures: found.flatMap(({ role, counts }) => [
      figure(
        `${role}: but for pings`,
        'requests/min',
        [withoutPings(counts) * perMinute],
        role.startsWith('standby') ? 0 : undefined,
      ),
      figure(`${role}: pings`, 'requests/min', [(counts['ping'] ?? 0) * perMinute]),
    ]),
    detail: Object.fromEntries(found.map(({ role, counts }) => [`${role}, in ${WINDOW_MS / 1000} s`, counts])),
    notes: [
      `Session timeout 5 s; one window of ${WINDOW_MS / 1000} s, extrapolated to a minute; counted on the way to the server, by what the frames say.`,
      'The leader renews its lease every third of the session timeout: its proposal and the lease. The next in line reads the lease each time, and proves its contact. All others send the pings of the ZooKeeper client alone.',
    ],
  };
}
