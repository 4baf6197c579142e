/** `BALLOT_FUZZ=100000` for more frames than the tests of every day try. */
import { expect, it } from 'vitest';
import { FrameSplitter } from '../../../../../src/zookeeper/client/wire/frames.ts';
import { GarbledError, JuteReader, type JuteWriter } from '../../../../../src/zookeeper/client/wire/jute.ts';
import {
  readEvent,
  readGrant,
  readHeader,
  readResult,
  type WireRequest,
} from '../../../../../src/zookeeper/client/wire/messages.ts';
import { Random } from '../../../../support/random.ts';
import { grant, notification, reply, stat } from '../../../../support/scripted-server.ts';

const FRAMES = Number(process.env['BALLOT_FUZZ'] ?? 10_000);

const names = (writer: JuteWriter): JuteWriter => writer.list(['a', 'bb', 'ccc'], (name, to) => to.string(name));
const acl = (writer: JuteWriter): JuteWriter => stat(1)(writer.int(1).int(31).string('world').string('anyone'));

/** What a server sends, and how a client that has asked for it reads it. */
const SAMPLES: readonly (readonly [frame: Buffer, op: WireRequest['op'] | 'grant' | 'event'])[] = [
  [grant(), 'grant'],
  [notification(3, '/ballot/election'), 'event'],
  [reply(1, 0, (writer) => writer.string('/ballot/election/proposal-0000000007')), 'create'],
  [reply(2, 0, (writer) => stat(1)(writer.string('/a'))), 'create2'],
  [reply(3, 0, (writer) => stat(1)(writer.buffer(Buffer.alloc(300, 'x')))), 'get'],
  [reply(4, 0, names), 'children'],
  [reply(5, 0, stat(4)), 'exists'],
  [reply(6, 0, acl), 'getAcl'],
  [reply(7, -101), 'set'],
];

/** A few bytes changed, put in, left out or cut off; or a number that says more than it should. */
function mutated(frame: Buffer, random: Random): Buffer {
  const bytes = [...frame];
  for (let times = random.whole(1, 4); times > 0; times -= 1) {
    const at = random.whole(0, Math.max(0, bytes.length - 1));
    const byte = random.whole(0, 255);
    const edge = [0xff, 0x7f, 0x80, 0x00][random.whole(0, 3)] as number;
    [
      () => (bytes[at] = byte),
      () => bytes.splice(at, random.whole(1, 8)),
      () => bytes.splice(at, 0, ...Array.from({ length: random.whole(1, 8) }, () => byte)),
      () => bytes.splice(at),
      () => bytes.splice(at, 4, edge, byte, byte, byte),
    ][random.whole(0, 4)]?.();
  }
  return Buffer.from(bytes);
}

function decode(stream: Buffer, op: (typeof SAMPLES)[number][1]): number {
  let read = 0;
  for (const frame of new FrameSplitter().push(stream)) {
    read += 1;
    if (op === 'grant') {
      readGrant(frame);
      continue;
    }
    const reader = new JuteReader(frame);
    const { rc } = readHeader(reader);
    if (op === 'event') readEvent(reader);
    else if (rc === 0) readResult(op, reader);
  }
  return read;
}

it(`${FRAMES} frames that are mutated or cut off: read, waited for, or refused with a reason`, () => {
  const random = new Random(7);
  const fates = { read: 0, incomplete: 0, refused: 0 };
  for (let count = 0; count < FRAMES; count += 1) {
    const [frame, op] = SAMPLES[random.whole(0, SAMPLES.length - 1)] as (typeof SAMPLES)[number];
    const stream = mutated(frame, random);
    try {
      fates[decode(stream, op) > 0 ? 'read' : 'incomplete'] += 1;
    } catch (error) {
      if (!(error instanceof GarbledError)) throw new Error(`${op}: ${stream.toString('hex')}`, { cause: error });
      expect(error.message).not.toBe('');
      fates.refused += 1;
    }
  }
  // Each fate is met often: the mutations are neither too coarse nor too fine.
  expect(Math.min(...Object.values(fates))).toBeGreaterThan(FRAMES / 20);
});
