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

  it('is stamped between the tokens of the term and of the next one', async () => {
    const candidate = { candidateId: 'a', hostname: 'here', process: identityOf(process.pid) };
    const leaderSince = new Date(0).toISOString();
    writeLease(folder.lease, { ...candidate, state: 'held', fencingToken: 40, leaderSince });
    const { version } = await register.read(never);
    await register.write(Buffer.from('one'), version, O);
    expect((await register.read(never)).stamp).toBe(41);
  });
});
