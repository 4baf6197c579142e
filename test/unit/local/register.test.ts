import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { GoneError, VersionConflictError } from '../../../src/election/errors.ts';
import { type ElectionFolder, prepareFolder } from '../../../src/local/folder.ts';
import { writeLease } from '../../../src/local/lease.ts';
import { identityOf } from '../../../src/local/processes.ts';
import { FileRegister, registerData } from '../../../src/local/register.ts';
import { poll } from '../../support/poll.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const O = { timeout: 1000 };
const never = new AbortController().signal;

let base: string;
let folder: ElectionFolder;
let register: FileRegister;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'ballot-register-'));
  folder = prepareFolder(base, 'job');
  register = new FileRegister({ clock: systemClock, logger: silentLogger, folder: () => folder }, 'runs');
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

describe('a register in files', () => {
  it('keeps the latest version alone', async () => {
    let { version } = await register.read(never);
    for (const text of ['one', 'two', 'three']) version = await register.write(Buffer.from(text), version, O);
    expect(readdirSync(folder.registers)).toEqual(['runs.3']);
    expect(String(registerData(folder, 'runs'))).toBe('three');
  });

  it('takes the highest number for the latest, not the last in the alphabet', async () => {
    let { version } = await register.read(never);
    for (let round = 0; round < 11; round += 1) version = await register.write(Buffer.from(`${round}`), version, O);
    expect(String((await register.read(never)).data)).toBe('10');
    expect(registerData(folder, 'other')).toEqual(Buffer.alloc(0));
  });

  it('refuses a write whose version was replaced, and removed, while it was under way', async () => {
    const { version } = await register.read(never);
    // What a writer reads last before it writes: at that moment another one writes twice.
    const overtaken = {
      ...folder,
      get lease() {
        rmSync(join(folder.registers, 'runs.0'), { force: true });
        const header = JSON.stringify({ birth: 'b', stamp: 1, writes: ['x', 'y'] });
        writeFileSync(join(folder.registers, 'runs.2'), `${header}\ntheirs`);
        return folder.lease;
      },
    };
    const slow = new FileRegister({ clock: systemClock, logger: silentLogger, folder: () => overtaken }, 'runs');
    await expect(slow.write(Buffer.from('slow'), version, O)).rejects.toBeInstanceOf(VersionConflictError);
    expect(readdirSync(folder.registers)).toEqual(['runs.2']);
    expect(String((await register.read(never)).data)).toBe('theirs');
  });

  it('refuses a write under a version that is not the latest', async () => {
    const { version } = await register.read(never);
    await register.write(Buffer.from('one'), version, O);
    await expect(register.write(Buffer.from('two'), version, O)).rejects.toBeInstanceOf(VersionConflictError);
  });

  it('is gone when its files are, and another one is made anew', async () => {
    const { version, birth } = await register.read(never);
    await register.write(Buffer.from('one'), version, O);
    rmSync(folder.registers, { recursive: true });
    folder = prepareFolder(base, 'job');
    await expect(register.write(Buffer.from('two'), version + 1, O)).rejects.toBeInstanceOf(GoneError);
    const anew = await register.read(never);
    expect(anew).toMatchObject({ version: 0, data: Buffer.alloc(0) });
    expect(anew.birth).not.toBe(birth);
  });

  it('gives what somebody has written by hand as it is', async () => {
    await register.read(never);
    writeFileSync(join(folder.registers, 'runs.7'), 'by hand');
    expect(await register.read(never)).toMatchObject({ version: 7, data: Buffer.from('by hand') });
  });

  describe('of which a power failure has taken the latest version', () => {
    const header = (bytes: number): string => JSON.stringify({ birth: 'b', stamp: 1, writes: ['x'], bytes });

    it.each([
      ['', 'nothing of it'],
      ['\0\0\0\0', 'zeroes in its place'],
      [`${header(9)}\nshort`, 'a part of it'],
      [header(9).slice(0, 20), 'a part of its header'],
    ])('%j goes on from the version before: there is %s', async (left) => {
      const { version } = await register.read(never);
      await register.write(Buffer.from('one'), version, O);
      writeFileSync(join(folder.registers, 'runs.2'), left);
      const found = await register.read(never);
      expect(found).toMatchObject({ version: 2, data: Buffer.from('one') });
      expect(await register.write(Buffer.from('three'), found.version, O)).toBe(3);
      expect(readdirSync(folder.registers)).toEqual(['runs.3']);
      expect(await register.read(never)).toMatchObject({ data: Buffer.from('three'), birth: found.birth });
    });
  });

  describe('of notes', () => {
    beforeEach(() => {
      const parts = { clock: systemClock, logger: silentLogger, folder: () => folder, waits: false };
      register = new FileRegister(parts, 'runs');
    });

    it('is seen by others in the turn of the write, and keeps the version before until it is on the disk', async () => {
      const { version } = await register.read(never);
      const written = register.write(Buffer.from('one'), version, O);
      expect(String(registerData(folder, 'runs'))).toBe('one');
      await register.write(Buffer.from('two'), await written, O);
      expect(readdirSync(folder.registers).toSorted()).toEqual(['runs.0', 'runs.1', 'runs.2']);
      await register.settle();
      expect(readdirSync(folder.registers)).toEqual(['runs.2']);
    });

    it('is forced to the disk by itself', async () => {
      const { version } = await register.read(never);
      await register.write(Buffer.from('one'), version, O);
      await poll(() => readdirSync(folder.registers).join() === 'runs.1', { what: 'the version before to be removed' });
    });

    it('refuses a write under a version that is not the latest', async () => {
      const { version } = await register.read(never);
      await register.write(Buffer.from('one'), version, O);
      await expect(register.write(Buffer.from('two'), version, O)).rejects.toBeInstanceOf(VersionConflictError);
    });
  });

  it('is stamped between the tokens of the term and of the next one', async () => {
    const candidate = { candidateId: 'a', hostname: 'here', process: identityOf(process.pid) };
    const leaderSince = new Date(0).toISOString();
    writeLease(folder.lease, { ...candidate, state: 'held', fencingToken: 40, leaderSince });
    const { version } = await register.read(never);
    await register.write(Buffer.from('one'), version, O);
    expect((await register.read(never)).stamp).toBe(41);
  });
});
