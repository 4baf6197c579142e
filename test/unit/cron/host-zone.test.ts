import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chosenZone, hostZone, type ChosenZone, type ZoneFiles } from '../../../src/cron/host-zone.ts';

let folder: string;
let files: ZoneFiles;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ballot-zone-'));
  files = { localtime: join(folder, 'etc', 'localtime'), zoneinfo: [join(folder, 'none'), join(folder, 'zoneinfo')] };
  mkdirSync(join(folder, 'etc'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The end of a file of the IANA data is the rule that holds from its last change on. */
const data = (rule: string): string => `TZif2\0\0${rule.length}\n${rule}\n`;

function write(path: string, text: string): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const found = (TZ?: string): ChosenZone => hostZone(TZ === undefined ? {} : { TZ }, files);
const refusal = (TZ?: string): { message: string; hint: string | undefined } => {
  try {
    return { message: JSON.stringify(found(TZ)), hint: 'found' };
  } catch (error) {
    return error as { message: string; hint: string | undefined };
  }
};

describe('TZ', () => {
  it.each([
    ['', 'UTC'],
    [':', 'UTC'],
    ['Asia/Tokyo', 'Asia/Tokyo'],
    [':Asia/Tokyo', 'Asia/Tokyo'],
    ['US/Eastern', 'US/Eastern'],
    ['/usr/share/zoneinfo/Europe/Paris', 'Europe/Paris'],
    [':/usr/share/zoneinfo/posix/America/Argentina/Salta', 'America/Argentina/Salta'],
  ])('%j is %s', (TZ, name) => {
    expect(found(TZ)).toEqual({ name, from: 'host: TZ' });
  });

  it.each(['Nowhere', 'XYZ', 'CET-1CEST', '/no/such/file', '+01:00'])('%j is refused with the remedy', (TZ) => {
    expect(refusal(TZ)).toMatchObject({
      message: `the host's zone (TZ): unknown time zone "${TZ}"`,
      hint: expect.stringContaining('set --timezone') as string,
    });
  });

  it('that is an abbreviation is refused with a suggestion', () => {
    expect(refusal('BST').message).toBe('the host\'s zone (TZ): unknown time zone "BST" (did you mean Europe/London?)');
  });

  it('as a path is read as /etc/localtime is: by its link', () => {
    symlinkSync(write('zoneinfo/Asia/Tokyo', data('JST-9')), files.localtime);
    expect(found(`:${files.localtime}`)).toEqual({ name: 'Asia/Tokyo', from: 'host: TZ' });
  });
});

describe('/etc/localtime', () => {
  const from = (): string => `host: ${files.localtime}`;

  it('is named by its link, also when there is nothing behind it: no zoneinfo folder', () => {
    symlinkSync('../usr/share/zoneinfo/Europe/Paris', files.localtime);
    expect(found()).toEqual({ name: 'Europe/Paris', from: from() });
  });

  it('is named by a link behind its link', () => {
    symlinkSync('/usr/share/zoneinfo/America/New_York', join(folder, 'etc', 'zone'));
    symlinkSync('zone', files.localtime);
    expect(found()).toEqual({ name: 'America/New_York', from: from() });
  });

  it('that is a file, or mounted, is named by the same content', () => {
    write('zoneinfo/Asia/Seoul', data('KST-9'));
    write('zoneinfo/Asia/Tokyo', data('JST-9'));
    write('etc/localtime', data('JST-9'));
    expect(found()).toEqual({ name: 'Asia/Tokyo', from: from() });
  });

  it('that is a file with the content of UTC needs no zoneinfo folder', () => {
    write('etc/localtime', data('UTC0'));
    expect(found()).toEqual({ name: 'UTC', from: from() });
  });

  it.each([
    ['there is no zoneinfo folder', undefined],
    ['no file there is like it', 'KST-9'],
  ])('that is a file is refused with the remedy when %s', (_, other) => {
    if (other !== undefined) write('zoneinfo/Asia/Seoul', data(other));
    write('etc/localtime', data('CST-8'));
    expect(refusal()).toMatchObject({
      message: `the host's zone (${files.localtime}): has no name: it is no link into a zoneinfo folder, and is like no file there`,
      hint: expect.stringContaining('set --timezone') as string,
    });
  });

  it('that links to itself is refused', () => {
    symlinkSync('localtime', files.localtime);
    expect(refusal().message).toMatch(/ has no name: /);
  });

  it('that is not there means UTC, as for the C library and Go', () => {
    expect(found()).toEqual({ name: 'UTC', from: `host: UTC, as there is no ${files.localtime}` });
  });
});

describe('the zone that counts', () => {
  it('is that of the schedule, else the configured one, else that of the host', () => {
    expect(chosenZone('Asia/Tokyo', 'Europe/Paris')).toEqual({ name: 'Asia/Tokyo', from: 'schedule' });
    expect(chosenZone(undefined, 'Europe/Paris')).toEqual({ name: 'Europe/Paris', from: 'timezone' });
    expect(chosenZone('Local', 'Europe/Paris')).toEqual(hostZone());
    expect(chosenZone(undefined, undefined)).toEqual(hostZone());
  });
});
