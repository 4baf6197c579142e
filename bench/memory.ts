/** Proportional set size of a candidate's two processes, while standing by and while leading. */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Candidate } from './support/candidate.ts';
import { memory, pairOf } from './support/processes.ts';
import { figure, type Figure, type Report } from './support/report.ts';
import type { Workshop } from './support/workshop.ts';

const SETTLE_MS = 15_000;
const LOOKS = 5;
const CROWD = 5;
const PROMISE_MB = 90;

export async function measure(shop: Workshop): Promise<Report> {
  const groups = {
    'leader, the only ballot of its host': [await enter(shop, 'leader', await ownNode(shop, 'leader'))],
    'standby, the only ballot of its host': [await enter(shop, 'standby', await ownNode(shop, 'standby'))],
    [`standby, one of ${CROWD} on its host`]: await crowd(shop),
  };
  await sleep(SETTLE_MS);
  const figures: Figure[] = [];
  for (const [what, candidates] of Object.entries(groups)) figures.push(...(await weigh(what, candidates)));
  return {
    figures,
    notes: [
      'Pss of /proc/PID/smaps_rollup: own memory, and of what is shared with other processes one’s share. MB are 10^6 bytes.',
      'The only ballot of its host runs a copy of Node that no other process has mapped, so that it pays for all of it; libc and the like are shared with whoever else runs.',
      `Session timeout 5 s; ${SETTLE_MS / 1000} s after the last candidate stood by; ${LOOKS} looks at a pair of processes, or one at each of ${CROWD} pairs.`,
    ],
  };
}

/** Node, as a file that no other process has mapped. */
async function ownNode(shop: Workshop, name: string): Promise<string> {
  const path = join(shop.folder, `node-${name}`);
  await copyFile(process.execPath, path);
  return path;
}

async function enter(shop: Workshop, id: string, node: string): Promise<Candidate> {
  const candidate = shop.candidate({
    id,
    node,
    basePath: '/bench/memory',
    flags: ['--zookeeper-session-timeout', '5s'],
    command: ['sleep', '1000'],
  });
  await candidate.says(id === 'leader' ? 'the command runs' : 'standing by');
  return candidate;
}

async function crowd(shop: Workshop): Promise<Candidate[]> {
  const node = await ownNode(shop, 'crowd');
  const candidates: Candidate[] = [];
  for (let i = 1; i <= CROWD; i++) candidates.push(await enter(shop, `crowd-${i}`, node));
  return candidates;
}

async function weigh(what: string, candidates: readonly Candidate[]): Promise<Figure[]> {
  const looks: { supervisor: number; keeper: number; own: number }[] = [];
  for (const candidate of candidates) {
    const pair = await pairOf(candidate);
    for (let look = 0; look < (candidates.length > 1 ? 1 : LOOKS); look++) {
      const [supervisor, keeper] = [memory(pair.supervisor), memory(pair.keeper)];
      looks.push({ supervisor: supervisor.pss, keeper: keeper.pss, own: supervisor.own + keeper.own });
      await sleep(200);
    }
  }
  return [
    figure(
      `${what}: both processes`,
      'MB',
      looks.map(({ supervisor, keeper }) => supervisor + keeper),
      PROMISE_MB,
    ),
    figure(
      `${what}: supervisor`,
      'MB',
      looks.map(({ supervisor }) => supervisor),
    ),
    figure(
      `${what}: keeper`,
      'MB',
      looks.map(({ keeper }) => keeper),
    ),
    figure(
      `${what}: not shared with anybody`,
      'MB',
      looks.map(({ own }) => own),
    ),
  ];
}
