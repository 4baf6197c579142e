import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runBallot, type Ended } from '../support/ballot.ts';
import { ballotPath } from '../support/candidate.ts';
import { useFolder } from '../support/hooks.ts';

const folder = useFolder('schedule');

function ballot(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return runBallot(args, { cwd: folder, env: { HOME: folder, TZ: 'Asia/Tokyo', ...env } });
}

interface Report {
  readonly schedule: string;
  readonly timezone: string;
  readonly ticks: readonly { readonly tick: string; readonly local: string; readonly inSeconds: number }[];
}

async function report(...args: string[]): Promise<Report> {
  const { code, stdout, stderr } = await ballot(['schedule', ...args, '-o', 'json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Report;
}

describe('ballot schedule', () => {
  it('prints ten ticks with local time, UTC and distance', async () => {
    const before = Date.now();
    const { code, stdout, stderr } = await ballot(['schedule', '30 9 * * *', '--timezone', 'Asia/Kolkata']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [head, ...lines] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^LOCAL \(Asia\/Kolkata\) +UTC +DISTANCE$/);
    expect(lines).toHaveLength(10);
    for (const [i, line] of lines.entries()) {
      expect(line).toMatch(
        /^(Sun|Mon|Tue|Wed|Thu|Fri|Sat) \S+ 09:30:00\+05:30 {2}\S+T04:00:00Z {2}in (\d+d)?(\d+h)?(\d+m)?\d+s$/,
      );
      const utc = Date.parse(line.split(/ {2,}/)[1] ?? '');
      const first = Math.ceil((before - 4 * 3_600_000) / 86_400_000) * 86_400_000 + 4 * 3_600_000;
      expect(Math.abs(utc - (first + i * 86_400_000)) % 86_400_000).toBe(0);
      expect(utc - before).toBeGreaterThan(i * 86_400_000 - 1);
    }
  });

  it('prints JSON, as many ticks as asked for, in the zone of the host', async () => {
    const before = Date.now();
    const { schedule, timezone, ticks } = await report('0 6 * * *', '-n', '3');
    expect({ schedule, timezone }).toEqual({ schedule: '0 6 * * *', timezone: 'Asia/Tokyo' });
    expect(ticks).toHaveLength(3);
    for (const { tick, local, inSeconds } of ticks) {
      expect(tick).toMatch(/T21:00:00Z$/);
      expect(local).toMatch(/T06:00:00\+09:00$/);
      expect(Date.parse(local)).toBe(Date.parse(tick));
      expect(Math.abs(Date.parse(tick) - before - inSeconds * 1000)).toBeLessThan(10_000);
    }
  });

  it('takes the zone of the schedule before that of the flag', async () => {
    expect((await report('TZ=Europe/Dublin @daily', '--timezone', 'UTC')).timezone).toBe('Europe/Dublin');
  });

  it.each([
    ['', 'UTC'],
    [':/usr/share/zoneinfo/Europe/Paris', 'Europe/Paris'],
    ['America/New_York', 'America/New_York'],
  ])("takes TZ=%s for the host's zone %s", async (TZ, zone) => {
    const { stdout } = await ballot(['schedule', '@daily', '-n', '1', '-o', 'json'], { TZ });
    const { timezone, ticks } = JSON.parse(stdout) as Report;
    expect({ timezone, local: ticks[0]?.local.slice(10, 19) }).toEqual({ timezone: zone, local: 'T00:00:00' });
  });

  it('says that the zone of the host is unknown', async () => {
    const { code, stderr } = await ballot(['schedule', '@daily'], { TZ: 'Nowhere/Else' });
    expect(code).toBe(78);
    expect(stderr).toMatch(/^ballot: the host's zone \(TZ\): unknown time zone "Nowhere\/Else"\n/);
  });

  it('looks from another instant, as if it were now', async () => {
    const { ticks } = await report('30 2 * * *', '--timezone=Europe/Paris', '--from=2027-03-27T00:00:00Z', '-n', '3');
    expect(ticks).toEqual([
      { tick: '2027-03-27T01:30:00Z', local: '2027-03-27T02:30:00+01:00', inSeconds: 5400 },
      { tick: '2027-03-28T01:00:00Z', local: '2027-03-28T03:00:00+02:00', inSeconds: 90_000 },
      { tick: '2027-03-29T00:30:00Z', local: '2027-03-29T02:30:00+02:00', inSeconds: 174_600 },
    ]);
    expect(await ballot(['schedule', '@daily', '--from', '2027-03-27'])).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(
        /^ballot: flag --from: "2027-03-27": must be a date and time with its offset/,
      ) as string,
    });
  });

  it.each([
    [
      ['--timezone', 'BST'],
      {},
      'ballot: flag --timezone: timezone "BST": unknown (did you mean Europe/London?): an IANA',
    ],
    [[], { TZ: 'IST' }, 'ballot: the host\'s zone (TZ): unknown time zone "IST" (did you mean Asia/Kolkata?)\n'],
    [[], { BALLOT_TIMEZONE: '"UTC"' }, 'the quotes are part of the value: write it without them'],
  ])('refuses what is no IANA name (%j, %j)', async (flags, env, why) => {
    const ended = await ballot(['schedule', '@daily', ...flags], env);
    expect(ended).toMatchObject({ code: 78, stdout: '' });
    expect(ended.stderr).toContain(why);
  });

  it('takes words without quotes for one schedule', async () => {
    expect((await report('0', '6', '1', '1', '?', '--count=1')).schedule).toBe('0 6 1 1 ?');
  });

  it('spreads H by the base path that is configured', async () => {
    const first = async (...args: string[]): Promise<unknown> =>
      (await report('H H * * *', '-n', '1', ...args)).ticks[0]?.local;
    const standard = await first();
    expect(await first('--zookeeper-base-path', '/ballot/election')).toBe(standard);
    expect(await first('--zookeeper-base-path', '/other')).not.toBe(standard);
    const file = join(folder, 'b.yaml');
    await writeFile(file, 'zookeeper-base-path: /other\n');
    expect(await first('--config-file', file)).toBe(await first('--zookeeper-base-path', '/other'));
  });

  it('takes the zone from file and environment too', async () => {
    const zone = async (env: NodeJS.ProcessEnv, ...args: string[]): Promise<string> => {
      const { stdout } = await ballot(['schedule', '@daily', '-o', 'json', ...args], env);
      return (JSON.parse(stdout) as Report).timezone;
    };
    const file = join(folder, 'zone.yaml');
    await writeFile(file, 'timezone: Asia/Kolkata\nschedule: not looked at\n');
    expect(await zone({}, '--config-file', file)).toBe('Asia/Kolkata');
    expect(await zone({ BALLOT_TIMEZONE: 'Europe/Rome' }, '--config-file', file)).toBe('Europe/Rome');
    expect(await zone({ BALLOT_TIMEZONE: 'Europe/Rome' }, '--timezone', 'UTC')).toBe('UTC');
  });

  it('shows the schedule that is configured when none is given, and one that is given before it', async () => {
    const env = { SCHEDULE: '@every 90.5s', BALLOT_TIMEZONE: 'UTC' };
    const { code, stdout, stderr } = await ballot(['schedule', '-o', 'json', '-n1'], env);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr:
        'ballot: warning: environment SCHEDULE: schedule "@every 90.5s": @every 90.5s is no whole seconds: every 1m30s is taken\n',
    });
    expect(JSON.parse(stdout)).toMatchObject({ schedule: '@every 90.5s', timezone: 'UTC' });
    const given = await ballot(['schedule', '@daily', '-o', 'json'], { BALLOT_SCHEDULE: 'nonsense' });
    expect(given).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(given.stdout)).toMatchObject({ schedule: '@daily' });
    const bad = await ballot(['schedule'], { BALLOT_SCHEDULE: '0 24 * * *' });
    expect(bad).toMatchObject({ code: 78, stdout: '' });
    expect(bad.stderr).toContain(
      'ballot: environment BALLOT_SCHEDULE: schedule "0 24 * * *": hour field "24": 0 to 23\n',
    );
  });

  it("says what Go's ballot does not know, in a mixed fleet", async () => {
    expect((await ballot(['schedule', '0 0 L * 7', '-n1'])).stderr).toBe('');
    expect((await ballot(['schedule', '0 0 L * 7', '-n1', '--mixed-fleet'])).stderr).toBe(
      "ballot: warning: schedule: Go's ballot does not know L, 7 for Sunday: its candidates of this mixed fleet will fail\n",
    );
  });

  it('says on stderr what it doubts, and prints the ticks', async () => {
    const { code, stdout, stderr } = await ballot(['schedule', '@every 90.5s', '-o', 'json', '-n', '2']);
    expect(code).toBe(0);
    expect(stderr).toBe('ballot: warning: schedule: @every 90.5s is no whole seconds: every 1m30s is taken\n');
    const [a, b] = (JSON.parse(stdout) as Report).ticks;
    expect(Date.parse(b?.tick ?? '') - Date.parse(a?.tick ?? '')).toBe(90_000);
    expect(Date.parse(a?.tick ?? '') % 90_000).toBe(0);
  });

  it.each([
    [['schedule', '60 * * * *'], 78, 'ballot: schedule: minute field "60": 0 to 59\n'],
    [['schedule', '0 0 30 2 *'], 78, /^ballot: schedule: day-of-month field "30": .* never fire\n$/],
    [
      ['schedule', 'TZ=UTC'],
      78,
      /^ballot: schedule: "TZ=UTC" is a time zone without a schedule after it\nballot: hint: /,
    ],
    [
      ['schedule', '@daily', '--timezone', 'Nowhere'],
      78,
      /^ballot: flag --timezone: timezone "Nowhere": unknown: an IANA name such as Europe\/Paris, or UTC\nballot: hint: /,
    ],
    [
      ['schedule', 'CRON_TZ=AST @daily'],
      78,
      /^ballot: schedule: unknown time zone "AST" \(did you mean America\/Halifax\?\)\nballot: hint: an IANA name/,
    ],
    [['schedule', ''], 78, /^ballot: schedule: "" is empty, not 5 or 6 fields\n/],
    [['schedule'], 64, /^ballot: ballot schedule needs SPEC: no schedule is configured either\nballot: hint: /],
    [
      ['schedule', '--mixed-fleet=maybe'],
      78,
      /^ballot: flag --mixed-fleet: mixed-fleet "maybe": must be true or false\n/,
    ],
    [['schedule', '@daily', '-n', '0'], 64, /^ballot: flag --count: "0": must be a whole number from 1 to 1000\n/],
    [['schedule', '@daily', '-n', 'ten'], 64, /^ballot: flag --count: "ten": must be a whole number from 1 to 1000\n/],
    [['schedule', '@daily', '-o', 'yaml'], 64, /^ballot: flag --output: "yaml": must be one of text, json\n/],
    [['schedule', '@daily', '--', 'x'], 64, /^ballot: ballot schedule takes no command after --\n/],
    [
      ['schedule', '@daily', '--kill-after', '1s'],
      64,
      /^ballot: ballot schedule has no flag --kill-after: it belongs to ballot run once/,
    ],
  ])('%j ends with %i', async (args, code, stderr) => {
    const ended = await ballot(args);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toMatch(stderr);
  });

  it.skipIf(spawnSync('strace', ['-V']).error !== undefined)('asks no server and forks no keeper', () => {
    const args = ['-f', '-qq', '-e', 'trace=connect,execve', process.execPath, ballotPath, 'schedule', '@daily'];
    const { status, stderr } = spawnSync('strace', args, { encoding: 'utf8', timeout: 120_000 });
    expect(status).toBe(0);
    expect(stderr.match(/execve\(/g)).toHaveLength(1);
    expect(stderr).not.toMatch(/AF_INET/);
  });

  it('is in the help', async () => {
    expect((await ballot(['--help'])).stdout).toMatch(/schedule \[SPEC\] \[options\] +the next ticks of a schedule/);
    expect((await ballot(['schedule', '--help'])).stdout).toMatch(/--timezone/);
  });
});
