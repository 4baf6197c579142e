import { describe, expect, it } from 'vitest';
import { FrameSplitter, MAX_ANSWER_BYTES } from '../../../../../src/zookeeper/client/wire/frames.ts';
import { GarbledError, JuteReader, JuteWriter } from '../../../../../src/zookeeper/client/wire/jute.ts';
import {
  closeFrame,
  handshakeFrame,
  isPath,
  PING_FRAME,
  readEvent,
  readGrant,
  readHeader,
  readResult,
  requestFrame,
  type WireRequest,
} from '../../../../../src/zookeeper/client/wire/messages.ts';
import { grant, notification, reply, stat } from '../../../../support/scripted-server.ts';

const hex = (text: string): string => text.replaceAll(' ', '');
const body = (frame: Buffer): Buffer => frame.subarray(4);
const readerOf = (write: (writer: JuteWriter) => unknown): JuteReader => {
  const writer = new JuteWriter();
  write(writer);
  return new JuteReader(body(writer.frame()));
};

describe('jute', () => {
  it('reads what it has written', () => {
    const long = -(2n ** 63n) + 5n;
    const bytes = Buffer.from([0, 255, 128]);
    const reader = readerOf((writer) =>
      writer
        .bool(true)
        .int(-7)
        .long(long)
        .buffer(bytes)
        .string('ü€')
        .list(['a', ''], (item, to) => to.string(item)),
    );
    expect([reader.bool(), reader.int(), reader.long()]).toEqual([true, -7, long]);
    expect(reader.buffer()).toEqual(bytes);
    expect(reader.string()).toBe('ü€');
    expect(reader.list((each) => each.string(), 4)).toEqual(['a', '']);
    expect(reader.left).toBe(0);
  });

  it('takes an absent value for an empty one', () => {
    const reader = readerOf((writer) => writer.int(-1).int(-1).int(-1));
    expect(reader.buffer().length).toBe(0);
    expect(reader.string()).toBe('');
    expect(reader.list((each) => each.int(), 4)).toEqual([]);
  });

  it.each<[string, (writer: JuteWriter) => unknown, (reader: JuteReader) => unknown, string]>([
    [
      'a number that is cut off',
      (writer) => writer.bool(true),
      (reader) => reader.int(),
      '4 bytes were expected where 1 are left',
    ],
    [
      'a long that is cut off',
      (writer) => writer.int(1),
      (reader) => reader.long(),
      '8 bytes were expected where 4 are left',
    ],
    [
      'a buffer longer than the frame',
      (writer) => writer.int(5).bool(true),
      (reader) => reader.buffer(),
      '5 bytes were expected where 1 are left',
    ],
    ['a length below −1', (writer) => writer.int(-2), (reader) => reader.string(), 'a string of length -2'],
    [
      'a list of more than fits, before room is made for it',
      (writer) => writer.int(30_000_000),
      (reader) => reader.list((each) => each.int(), 4),
      'a list of 30000000 items in 0 bytes',
    ],
  ])('refuses %s', (_what, write, read, why) => {
    expect(() => read(readerOf(write))).toThrow(new GarbledError(why));
  });
});

describe('frames', () => {
  const frames = [grant(), reply(1), notification(3, '/a'), reply(2, -101)];

  it.each([1, 2, 3, 5, 64, 10_000])('are cut out of chunks of %i bytes', (size) => {
    const splitter = new FrameSplitter();
    const stream = Buffer.concat(frames);
    const found: Buffer[] = [];
    for (let at = 0; at < stream.length; at += size) found.push(...splitter.push(stream.subarray(at, at + size)));
    expect(found).toEqual(frames.map(body));
  });

  it.each([-1, 0, MAX_ANSWER_BYTES + 1, 2 ** 31 - 1])('of %i bytes are refused', (length) => {
    const head = Buffer.alloc(4);
    head.writeInt32BE(length);
    expect(() => [...new FrameSplitter().push(head)]).toThrow(GarbledError);
  });

  it('may be as long as twice jute.maxbuffer', () => {
    const head = Buffer.alloc(4);
    head.writeInt32BE(MAX_ANSWER_BYTES);
    const splitter = new FrameSplitter();
    expect([...splitter.push(head)]).toEqual([]);
    expect([...splitter.push(Buffer.alloc(MAX_ANSWER_BYTES))]).toHaveLength(1);
  });
});

describe('what a client says', () => {
  it('asks for a new session, or for one that exists', () => {
    expect(handshakeFrame(4000).toString('hex')).toBe(
      hex(`0000002d 00000000 0000000000000000 00000fa0 0000000000000000 00000010 ${'00'.repeat(16)} 00`),
    );
    const known = { id: 'ff00abcdef012345', password: '0123456789abcdef0123456789abcdef' };
    expect(handshakeFrame(4000, known).toString('hex')).toBe(
      hex(`0000002d 00000000 0000000000000000 00000fa0 ${known.id} 00000010 ${known.password} 00`),
    );
  });

  it('pings, and ends its session', () => {
    expect(PING_FRAME.toString('hex')).toBe(hex('00000008 fffffffe 0000000b'));
    expect(closeFrame(9).toString('hex')).toBe(hex('00000008 00000009 fffffff5'));
  });

  const acl = [{ perms: 31, scheme: 'digest', id: 'u:x' }] as const;
  const [path, data] = ['/a', Buffer.from('hi')];
  const anyone = hex(`00000001 0000001f 00000005 ${Buffer.from('world').toString('hex')} 00000006 616e796f6e65`);
  const owner = hex(`00000001 0000001f 00000006 ${Buffer.from('digest').toString('hex')} 00000003 753a78`);
  it.each<[WireRequest, string]>([
    [{ op: 'create', path, data, flags: 3 }, `00000001 00000002 2f61 00000002 6869 ${anyone} 00000003`],
    [{ op: 'create2', path, data, flags: 0, acl }, `0000000f 00000002 2f61 00000002 6869 ${owner} 00000000`],
    [{ op: 'delete', path, version: -1 }, '00000002 00000002 2f61 ffffffff'],
    [{ op: 'exists', path, watch: true }, '00000003 00000002 2f61 01'],
    [{ op: 'get', path, watch: false }, '00000004 00000002 2f61 00'],
    [{ op: 'set', path, data, version: 7 }, '00000005 00000002 2f61 00000002 6869 00000007'],
    [{ op: 'getAcl', path }, '00000006 00000002 2f61'],
    [{ op: 'setAcl', path, acl, version: 2 }, `00000007 00000002 2f61 ${owner} 00000002`],
    [{ op: 'children', path, watch: true }, '00000008 00000002 2f61 01'],
    [{ op: 'sync', path }, '00000009 00000002 2f61'],
    [{ op: 'auth', scheme: 'digest', auth: data }, '00000064 00000000 00000006 646967657374 00000002 6869'],
  ])('%o', (request, expected) => {
    const frame = requestFrame(5, request);
    expect(frame.readInt32BE()).toBe(frame.length - 4);
    expect(body(frame).toString('hex')).toBe(hex(`00000005 ${expected}`));
  });

  it.each(['/', '/a', '/a/b.c', '/ü/..x'])('%o is a path', (text) => expect(isPath(text)).toBe(true));
  it.each(['', 'a', 'a/b', '/a/', '//', '/a//b', '/a/./b', '/..', '/a\0'])('%o is none', (text) =>
    expect(isPath(text)).toBe(false),
  );
});

describe('what a server says', () => {
  it('grants a session, with the sign of its id', () => {
    const granted = { id: 'ffffffffffffffff', password: '07'.repeat(16), timeout: 4000 };
    expect(readGrant(body(grant({ id: -1n, timeout: 4000 })))).toEqual(granted);
    expect(readGrant(body(grant({ id: -1n, timeout: 4000, readOnly: false })))).toEqual(granted);
  });

  it('refuses a session that is over', () => {
    expect(readGrant(body(grant({ timeout: 0 })))).toBeUndefined();
    expect(readGrant(body(grant({ id: 0n })))).toBeUndefined();
    expect(() => readGrant(Buffer.from('HTTP/1.1 400 Bad Request'))).toThrow(GarbledError);
    const whole = body(grant());
    const short = Buffer.concat([whole.subarray(0, 16), Buffer.of(0, 0, 0, 15), whole.subarray(21)]);
    expect(() => readGrant(short)).toThrow(new GarbledError('a password of 15 bytes for a session'));
  });

  const STAT = {
    czxid: 5,
    mzxid: 2 ** 33,
    ctime: 1000,
    mtime: 2000,
    version: 8,
    ephemeralOwner: 'ffffffffffffffff',
    dataLength: 3,
    numChildren: 4,
  };
  const acl = [{ perms: 1, scheme: 'world', id: 'anyone' }];
  const path = (writer: JuteWriter): JuteWriter => writer.string('/a');
  const data = (writer: JuteWriter): JuteWriter => writer.buffer(Buffer.from('hi'));
  it.each<[WireRequest['op'], (writer: JuteWriter) => unknown, object]>([
    ['create', path, { path: '/a' }],
    ['create2', (writer) => stat(8)(path(writer)), { path: '/a', stat: STAT }],
    ['delete', () => undefined, {}],
    ['exists', stat(8), { stat: STAT }],
    ['get', (writer) => stat(8)(data(writer)), { data: Buffer.from('hi'), stat: STAT }],
    ['set', stat(8), { stat: STAT }],
    ['getAcl', (w) => stat(8)(w.int(1).int(1).string('world').string('anyone')), { acl, stat: STAT }],
    ['setAcl', stat(8), { stat: STAT }],
    ['children', (w) => w.int(2).string('b').string('ü'), { children: ['b', 'ü'] }],
    ['sync', path, {}],
    ['auth', () => undefined, {}],
  ])('answers %s', (op, write, expected) => {
    const reader = new JuteReader(body(reply(3, 0, write)));
    expect(readHeader(reader)).toEqual({ xid: 3, rc: 0 });
    expect(readResult(op, reader)).toEqual(expected);
  });

  it('tells of events', () => {
    const event = (type: number): object => {
      const reader = new JuteReader(body(notification(type, '/a')));
      expect(readHeader(reader).xid).toBe(-1);
      return readEvent(reader);
    };
    expect([1, 2, 3, 4].map(event)).toEqual(
      ['created', 'deleted', 'changed', 'child'].map((name) => ({ event: name, path: '/a' })),
    );
    expect(() => event(9)).toThrow(GarbledError);
  });
});
