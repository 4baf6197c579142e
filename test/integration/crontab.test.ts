/** One crontab line on three hosts that have joined: `ballot if-leader`, while the leader changes. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runBallot } from '../support/ballot.ts';
import type { Candidate } from '../support/candidate.ts';
import { poll } from '../support/poll.ts';
import { useZooKeeper } from '../support/stage.ts';

const zookeeper = useZooKeeper();

/** A multiple of 20; each asks three times. */
const TICKS = Number(process.env['BALLOT_TICKS'] ?? 40);
const HOSTS = ['h1', 'h2', 'h3'] as const;
/** The leader changes after these ticks. */
const KILLED = [TICKS / 5, (3 * TICKS) / 5];
const STEPS_DOWN = [(2 * TICKS) / 5, (4 * TICKS) / 5];

it('starts the command once a tick, but for ticks in a take-over, over four changes of leader', async () => {
  await using stage = zookeeper.stage();
  const at = [`--zookeeper-servers=${zookeeper.connectString}`, `--zookeeper-base-path=${stage.basePath}`];
  const started = join(stage.journal.folder, 'started');
  appendFileSync(started, '');
  const stand = (id: string): Promise<Candidate> => stage.stand({ mode: 'join', id });
  const candidates = new Map<string, Candidate>();
  for (const id of HOSTS) candidates.set(id, await stand(id));
  const leader = async (): Promise<string | undefined> => (await stage.info()).leader.candidateId;
  const inTakeOver = new Set<number>();
  /** The host that is lost, with its cron, until another one leads. */
  let lost: string | undefined;

  for (let tick = 1; tick <= TICKS; tick++) {
    if (lost !== undefined) inTakeOver.add(tick);
    const cron = async (id: string): Promise<number | null> => {
      const command = ['sh', '-c', `echo ${tick} ${id} >>"$0"`, started];
      const asked = [...at, `--candidate-id=${id}`, '--timeout=60s'];
      const { code, stdout, stderr } = await runBallot(['if-leader', ...asked, '--', ...command]);
      expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
      return code;
    };
    const codes = await Promise.all(HOSTS.filter((id) => id !== lost).map(cron));
    expect(new Set(codes)).toEqual(new Set([0]));
    if (lost !== undefined && (await leader()) !== lost) {
      candidates.set(lost, await stand(lost));
      lost = undefined;
    }
    if (STEPS_DOWN.includes(tick)) {
      const asked = await runBallot(['step-down', '--wait', '--timeout=60s', ...at]);
      expect(asked).toMatchObject({ code: 0, stderr: '' });
    }
    if (KILLED.includes(tick)) {
      lost = await poll(leader, { what: 'a leader' });
      candidates.get(lost)?.kill();
    }
  }

  const starts = readFileSync(started, 'utf8').trim().split('\n');
  const ticks = starts.map((line) => Number(line.split(' ')[0]));
  expect(new Set(ticks).size, 'doubled').toBe(ticks.length);
  const missed = Array.from({ length: TICKS }, (_, index) => index + 1).filter((tick) => !ticks.includes(tick));
  expect(missed.filter((tick) => !inTakeOver.has(tick))).toEqual([]);
  expect(new Set(starts.map((line) => line.split(' ')[1])).size).toBeGreaterThan(1);
  console.info(`${ticks.length} of ${TICKS} ticks were started, ${missed.length} fell into a take-over`);
}, 600_000);
