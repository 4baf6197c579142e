/**
 * The messages of ZooKeeper's protocol, as far as ballot speaks it. Source: `zookeeper.jute` and `ZooDefs` of Apache
 * ZooKeeper 3.4 to 3.9.
 */
import {
  type AclEntry,
  type ClientAnswer,
  type ClientRequest,
  type Credentials,
  type Grant,
  OPEN_ACL,
  type Stat,
  type ZNodeEvent,
} from '../client.ts';
import { GarbledError, JuteReader, JuteWriter } from './jute.ts';

export type WireRequest =
  | Exclude<ClientRequest, { op: 'create' | 'restrict' }>
  /** `create2` answers with the stat as well; servers before 3.5 do not know it. */
  | {
      readonly op: 'create' | 'create2';
      readonly path: string;
      readonly data: Buffer;
      readonly flags: number;
      /** Open to everybody without one. */
      readonly acl?: readonly AclEntry[];
    }
  /** `version`: of the ACL, −1 for any. */
  | { readonly op: 'setAcl'; readonly path: string; readonly acl: readonly AclEntry[]; readonly version: number }
  /** The connection speaks for this identity as well, from now on. */
  | { readonly op: 'auth'; readonly scheme: string; readonly auth: Buffer }
  /** The next message of an exchange of SASL. */
  | { readonly op: 'sasl'; readonly token: Buffer };

export interface WireAnswer extends ClientAnswer {
  /** What the server says next in an exchange of SASL. */
  readonly token?: Buffer;
}

/** What a reply carries after its header. */
export type Result = Omit<WireAnswer, 'rc' | 'sent'>;

type Op = WireRequest['op'];

/** `ZooDefs.OpCode`. */
const OPCODES: Readonly<Record<Op, number>> = {
  create: 1,
  delete: 2,
  exists: 3,
  get: 4,
  set: 5,
  getAcl: 6,
  setAcl: 7,
  children: 8,
  sync: 9,
  create2: 15,
  auth: 100,
  sasl: 102,
};
const PING = 11;
const CLOSE_SESSION = -11;

/** Numbers of messages that are no requests in the order of requests. */
export const XID = { notification: -1, ping: -2, auth: -4 } as const;

/** What asks for a new session. */
const NO_SESSION: Credentials = { id: '0', password: '00'.repeat(16) };

/** The first message of a client: asks for a new session, or for one that exists. `timeout` in ms. */
export function handshakeFrame(timeout: number, { id, password } = NO_SESSION): Buffer {
  return new JuteWriter()
    .int(0) // version of the protocol
    .long(0n) // the last transaction that was seen: none, a sync follows where it matters
    .int(timeout)
    .long(BigInt.asIntN(64, BigInt(`0x${id}`)))
    .buffer(Buffer.from(password, 'hex'))
    .bool(false) // a read-only server will not do
    .frame();
}

/** The first message of a server. `undefined`: the session that was asked for is over. */
export function readGrant(frame: Buffer): Grant | undefined {
  const reader = new JuteReader(frame);
  const version = reader.int();
  if (version !== 0) throw new GarbledError(`a grant of version ${version} of the protocol`);
  const timeout = reader.int();
  const id = hex(reader.long());
  const password = reader.buffer().toString('hex');
  if (password.length !== NO_SESSION.password.length)
    throw new GarbledError(`a password of ${password.length / 2} bytes for a session`);
  return timeout <= 0 || id === '0' ? undefined : { id, password, timeout };
}

export const PING_FRAME = new JuteWriter().int(XID.ping).int(PING).frame();

export function closeFrame(xid: number): Buffer {
  return new JuteWriter().int(xid).int(CLOSE_SESSION).frame();
}

/**
 * As ZooKeeper's own clients refuse paths, less the characters that servers refuse themselves: some operations of a
 * server take any text for the path of a znode that is not there.
 */
export function isPath(path: string): boolean {
  if (path === '/') return true;
  const names = path.split('/').slice(1);
  return path.startsWith('/') && !path.includes('\0') && names.every((name) => !['', '.', '..'].includes(name));
}

export function requestFrame(xid: number, request: WireRequest): Buffer {
  const writer = new JuteWriter().int(xid).int(OPCODES[request.op]);
  writeBody(writer, request);
  return writer.frame();
}

function writeBody(writer: JuteWriter, request: WireRequest): void {
  if (request.op === 'auth') return void writer.int(0).string(request.scheme).buffer(request.auth);
  if (request.op === 'sasl') return void writer.buffer(request.token);
  writer.string(request.path);
  switch (request.op) {
    case 'create':
    case 'create2':
      writer
        .buffer(request.data)
        .list(request.acl ?? OPEN_ACL, writeAcl)
        .int(request.flags);
      break;
    case 'get':
    case 'children':
    case 'exists':
      writer.bool(request.watch);
      break;
    case 'set':
      writer.buffer(request.data).int(request.version);
      break;
    case 'delete':
      writer.int(request.version);
      break;
    case 'setAcl':
      writer.list(request.acl, writeAcl).int(request.version);
      break;
    case 'sync':
    case 'getAcl':
  }
}

function writeAcl({ perms, scheme, id }: AclEntry, writer: JuteWriter): void {
  writer.int(perms).string(scheme).string(id);
}

export interface ReplyHeader {
  readonly xid: number;
  /** 0, or a result code. */
  readonly rc: number;
}

/** Every message of a server but the first begins with this. */
export function readHeader(reader: JuteReader): ReplyHeader {
  const xid = reader.int();
  reader.long(); // the server's last transaction
  return { xid, rc: reader.int() };
}

/** What follows the header of a reply without an error. What a later server may add at its end is passed over. */
export function readResult(op: Op, reader: JuteReader): Result {
  switch (op) {
    case 'create':
      return { path: reader.string() };
    case 'create2':
      return { path: reader.string(), stat: readStat(reader) };
    case 'get':
      return { data: reader.buffer(), stat: readStat(reader) };
    case 'children':
      return { children: reader.list((each) => each.string(), 4) };
    case 'exists':
    case 'set':
    case 'setAcl':
      return { stat: readStat(reader) };
    case 'getAcl':
      return { acl: reader.list(readAcl, 12), stat: readStat(reader) };
    case 'sasl':
      return { token: reader.buffer() };
    case 'delete':
    case 'sync':
    case 'auth':
      return {};
  }
}

function readAcl(reader: JuteReader): AclEntry {
  return { perms: reader.int(), scheme: reader.string(), id: reader.string() };
}

function readStat(reader: JuteReader): Stat {
  const [czxid, mzxid, ctime, mtime] = [reader.long(), reader.long(), reader.long(), reader.long()].map(Number) as Four;
  const version = reader.int();
  reader.int(); // version of its children
  reader.int(); // version of its ACL
  const ephemeralOwner = hex(reader.long());
  const [dataLength, numChildren] = [reader.int(), reader.int()];
  reader.long(); // transaction of the last change of its children
  return { czxid, mzxid, ctime, mtime, version, ephemeralOwner, dataLength, numChildren };
}

type Four = [number, number, number, number];

/** Of `Watcher.Event.EventType`. */
const EVENTS: Readonly<Record<number, ZNodeEvent>> = { 1: 'created', 2: 'deleted', 3: 'changed', 4: 'child' };

/** What a notification tells of. */
export function readEvent(reader: JuteReader): { readonly event: ZNodeEvent; readonly path: string } {
  const type = reader.int();
  reader.int(); // state of the session, which a server cannot know better than its client
  const event = EVENTS[type];
  if (event === undefined) throw new GarbledError(`an event of type ${type}`);
  return { event, path: reader.string() };
}

/** As the C client prints it: hex of 64 bits, no leading zeros. */
function hex(value: bigint): string {
  return BigInt.asUintN(64, value).toString(16);
}
