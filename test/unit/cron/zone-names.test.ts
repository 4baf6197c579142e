import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseSchedule } from '../../../src/cron/expression.ts';
import { openZone } from '../../../src/cron/zone.ts';
import { ianaName, ianaNames, isSameZone, suggestedZone } from '../../../src/cron/zone-names.ts';

const TZDATA = '/usr/share/zoneinfo/tzdata.zi';

/** Names that ICU has from its own past. */
const ICU =
  'ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT IET IST JST MIT NET NST PLT PNT PRT PST SST VST SystemV/AST4';

const whyNot = (act: () => unknown): string => {
  try {
    act();
    return 'accepted';
  } catch (error) {
    return (error as Error).message;
  }
};

describe('names of zones', () => {
  it.each('UTC GMT Etc/UTC Etc/GMT+5 GMT0 US/Eastern EST5EDT CET EST MST HST Asia/Kolkata Asia/Calcutta'.split(' '))(
    '%s is one',
    (name) => {
      expect(ianaName(name)).toBe(name);
      expect(openZone(name, 'timezone').name).toBe(name);
    },
  );

  it.each(ICU.split(' '))(
    "%s, which only ICU knows, is none: not beside a schedule, before it, or as the host's",
    (name) => {
      expect(whyNot(() => openZone(name, 'timezone'))).toContain(`timezone: unknown time zone "${name}"`);
      for (const prefix of ['TZ', 'CRON_TZ'])
        expect(whyNot(() => parseSchedule(`${prefix}=${name} @daily`, { seed: '' }))).toContain(
          `schedule: unknown time zone "${name}"`,
        );
    },
  );

  it.each(['', '+01:00', 'GMT+5', 'Factory', 'Local', 'Europe', '../etc/passwd'])('%j is none', (name) => {
    expect(ianaName(name)).toBeUndefined();
  });

  it('are known to Intl, all of them', () => {
    for (const name of ianaNames())
      expect(whyNot(() => new Intl.DateTimeFormat('en', { timeZone: name }))).toBe('accepted');
  });

  it.skipIf(!existsSync(TZDATA))("are all that this host's data has", () => {
    const lines = readFileSync(TZDATA, 'utf8').split('\n');
    const zones = lines.filter((line) => line.startsWith('Z ')).map((line) => line.split(' ')[1] ?? '');
    const links = lines.filter((line) => line.startsWith('L ')).map((line) => line.split(' ')[2] ?? '');
    const isKnown = (name: string): boolean => ianaName(name) === name;
    // Newer data than that of this Node may know more.
    const isTaken = (name: string): boolean =>
      whyNot(() => new Intl.DateTimeFormat('en', { timeZone: name })) === 'accepted';
    expect([...zones, ...links].filter((name) => !isKnown(name) && isTaken(name))).toEqual([]);
  });

  it('are spelled as IANA does, however they were written', () => {
    expect(openZone('america/port-au-PRINCE', 'timezone').name).toBe('America/Port-au-Prince');
    expect(openZone('utc', 'timezone').name).toBe('UTC');
  });

  it.each([
    ['UTC', 'Etc/UTC', true],
    ['Zulu', 'Etc/Universal', true],
    ['US/Eastern', 'America/New_York', true],
    ['Asia/Calcutta', 'asia/kolkata', true],
    ['Europe/Paris', 'Europe/Berlin', false],
    ['Etc/GMT+1', 'Etc/GMT-1', false],
  ])('%s and %s are the same zone: %s', (a, b, same) => {
    expect(isSameZone(a, b)).toBe(same);
  });

  it.each([
    ['BST', 'Europe/London'],
    ['pst', 'America/Los_Angeles'],
    ['Paris', 'Europe/Paris'],
    ['Eurpe/Paris', 'Europe/Paris'],
    ['Europe/Pariss', 'Europe/Paris'],
    ['America/New York', 'America/New_York'],
    ['Europe/Xyz', undefined],
    ['Nowhere', undefined],
  ])('%j is probably meant as %s', (name, meant) => {
    expect(suggestedZone(name)).toBe(meant);
  });

  it('that are none are refused with a suggestion', () => {
    expect(whyNot(() => openZone('BST', 'timezone'))).toBe(
      'timezone: unknown time zone "BST" (did you mean Europe/London?)',
    );
  });
});
