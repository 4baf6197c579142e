/** `BALLOT_FUZZ=100000` for more frames than the tests of every day try. */
import { expect, it } from 'vitest';
import { FrameSplitter } from '../../../../../src/zookeeper/client/wire/frames.ts';
import type { ClientEnd } from '../../../../../src/zookeeper/client/client.ts';
import { GarbledError, JuteReader, type JuteWriter } from '../../../../../src/zookeeper/client/wire/jute.ts';
import {
  readEvent,
  readGrant,
  readHeader,
  readResult,
  type WireRequest,
} from '../../../../../src/zookeeper/client/wire/messages.ts';
import { WireClient } from '../../../../../src/zookeeper/client/wire/wire-client.ts';
import { poll } from '../../../../support/poll.ts';
import { Random } from '../../../../support/random.ts';
import { grant, notification, reply, ScriptedServer, stat } from '../../../../support/scripted-server.ts';
import { VirtualClock } from '../../../../support/virtual-clock.ts';

const FRAMES = Number(process.env['BALLOT_FUZZ'] ?? 10_000);

const names = (writer: JuteWriter): JuteWriter => writer.list(['a', 'bb', 'ccc'], (name, to) => to.string(name));
const acl = (writer: JuteWriter): JuteWriter => stat(1)(writer.int(1).int(31).string('world').string('anyone'));

/** Connections of a whole client to a server that makes no sense. */
const CONNECTIONS = Math.ceil(FRAMES / 200);

/** For what comes at once, however busy the machine, real ms. */
const HANG_MS = 15_000;

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

/** A client asks three things of a server that says this and hangs up: how it ended, and how often it answered each. */
async function converse(
  ...said: readonly Buffer[]
): Promise<{ ends: ClientEnd[]; answers: number[]; granted: boolean }> {
  const server = await ScriptedServer.start();
  const [ends, answers]: [ClientEnd[], number[]] = [[], []];
  const listener = {
    granted() {
      for (const index of [0, 1, 2]) {
        answers[index] = 0;
        client.ask({ op: 'get', path: '/a', watch: true }, () => (answers[index] = (answers[index] ?? 0) + 1));
      }
    },
    event: () => undefined,
    ended: (end: ClientEnd) => void ends.push(end),
  };
  const options = { address: server.address, timeout: 3000, debug: false };
  const client = new WireClient(options, listener, new VirtualClock(1).process());
  await server.next();
  server.say(...said);
  server.hangUp();
  await poll(() => ends.length > 0, { timeout: HANG_MS, interval: 1, what: 'the end of the client' });
  server.close();
  return { ends, answers, granted: answers.length > 0 };
}

it(`${CONNECTIONS} servers that make no sense: each request ends once, and the client with a reason`, async () => {
  const random = new Random(11);
  const read = (xid: number): Buffer => reply(xid, 0, (writer) => stat(1)(writer.buffer(Buffer.alloc(30, 'x'))));
  let granted = 0;
  for (let count = 0; count < CONNECTIONS; count += 1) {
    const answers = [1, 2, 3].map(read);
    const at = random.whole(0, 3);
    const said = [grant(), ...answers].map((frame, index) => (index === at ? mutated(frame, random) : frame));
    const talk = await converse(...said);
    const seen = Buffer.concat(said).toString('hex');
    expect(talk.ends, seen).toHaveLength(1);
    if (!talk.granted) continue;
    granted += 1;
    expect(talk.answers, seen).toEqual([1, 1, 1]);
    expect(talk.ends[0], seen).toEqual({ kind: 'disconnected', why: expect.stringMatching(/./) as string });
  }
  expect(granted).toBeGreaterThan(CONNECTIONS / 2);
});
