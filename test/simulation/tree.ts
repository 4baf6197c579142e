import type { Stat } from '../../src/keeper/protocol.ts';
import type { WatchEvent } from '../../src/zookeeper/session/port.ts';

/** One znode, never changed in place: a replica shares it with the others. */
export interface Znode {
  readonly data: Buffer;
  readonly czxid: number;
  readonly mzxid: number;
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  /** How many children were ever created: the next sequence number, as ZooKeeper counts it (deletions do not count). */
  readonly created: number;
  /** Session id, or `"0"`. */
  readonly owner: string;
}

export interface Happening {
  readonly path: string;
  readonly event: Exclude<WatchEvent, 'interrupted'>;
  /** Which watches it fires: those left by reading the data, or by listing the children. */
  readonly on: 'data' | 'children';
}

/** One committed transaction: what every replica does in the same order. */
export interface Transaction {
  readonly zxid: number;
  readonly writes: readonly (readonly [path: string, node: Znode | undefined])[];
  readonly happenings: readonly Happening[];
}

/** A write as the ensemble decides about it. */
export type Write =
  | { readonly kind: 'create'; readonly path: string; readonly data: Buffer; readonly sequential: boolean }
  | { readonly kind: 'set'; readonly path: string; readonly data: Buffer; readonly version: number }
  | { readonly kind: 'delete'; readonly path: string; readonly version: number };

export type RefusalCode = 'noNode' | 'nodeExists' | 'badVersion' | 'notEmpty';

/** A write that was refused: nothing changed. */
export class Refusal extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode) {
    super(code);
    this.code = code;
  }
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === 0 ? '/' : path.slice(0, slash);
}

/** One replica of the data. */
export class Tree {
  readonly #nodes: Map<string, Znode>;

  constructor(nodes?: ReadonlyMap<string, Znode>) {
    this.#nodes = new Map(nodes ?? [['/', root]]);
  }

  get nodes(): ReadonlyMap<string, Znode> {
    return this.#nodes;
  }

  get(path: string): Znode | undefined {
    return this.#nodes.get(path);
  }

  children(path: string): string[] {
    const prefix = path === '/' ? '/' : `${path}/`;
    const names: string[] = [];
    for (const known of this.#nodes.keys()) {
      if (known.startsWith(prefix) && known.length > prefix.length && !known.includes('/', prefix.length))
        names.push(known.slice(prefix.length));
    }
    return names;
  }

  /** A znode and all under it, parents first. */
  within(path: string): string[] {
    if (this.get(path) === undefined) return [];
    return [path, ...this.children(path).flatMap((name) => this.within(path === '/' ? `/${name}` : `${path}/${name}`))];
  }

  stat(path: string, node: Znode): Stat {
    const { czxid, mzxid, ctime, mtime, version, owner, data } = node;
    const numChildren = this.children(path).length;
    return { czxid, mzxid, ctime, mtime, version, ephemeralOwner: owner, dataLength: data.length, numChildren };
  }

  ephemeralsOf(owner: string): string[] {
    return [...this.#nodes].filter(([, node]) => node.owner === owner).map(([path]) => path);
  }

  apply(transaction: Transaction): void {
    for (const [path, node] of transaction.writes) {
      if (node === undefined) this.#nodes.delete(path);
      else this.#nodes.set(path, node);
    }
  }

  /** Decides about a write by the present data. Throws `Refusal`. Changes nothing: `apply` does. */
  prepare(write: Write, zxid: number, time: number, owner: string): { transaction: Transaction; path: string } {
    if (write.kind === 'create') return this.#prepareCreate(write, zxid, time, owner);
    const node = this.get(write.path);
    if (node === undefined) throw new Refusal('noNode');
    if (write.version !== -1 && write.version !== node.version) throw new Refusal('badVersion');
    if (write.kind === 'delete') {
      if (this.children(write.path).length > 0) throw new Refusal('notEmpty');
      return { transaction: this.prepareDeletions([write.path], zxid), path: write.path };
    }
    const changed = { ...node, data: write.data, mzxid: zxid, mtime: time, version: node.version + 1 };
    const happenings: Happening[] = [{ path: write.path, event: 'changed', on: 'data' }];
    return { transaction: { zxid, writes: [[write.path, changed]], happenings }, path: write.path };
  }

  prepareDeletions(paths: readonly string[], zxid: number): Transaction {
    const happenings = paths.flatMap((path): Happening[] => [
      { path, event: 'deleted', on: 'data' },
      { path, event: 'deleted', on: 'children' },
      { path: parentOf(path), event: 'child', on: 'children' },
    ]);
    return { zxid, writes: paths.map((path) => [path, undefined] as const), happenings };
  }

  #prepareCreate(
    write: Extract<Write, { kind: 'create' }>,
    zxid: number,
    time: number,
    owner: string,
  ): { transaction: Transaction; path: string } {
    const parentPath = parentOf(write.path);
    const parent = this.get(parentPath);
    if (parent === undefined) throw new Refusal('noNode');
    const path = write.sequential ? write.path + String(parent.created).padStart(10, '0') : write.path;
    if (this.get(path) !== undefined) throw new Refusal('nodeExists');
    const stamps = { czxid: zxid, mzxid: zxid, ctime: time, mtime: time };
    const node: Znode = { data: write.data, ...stamps, version: 0, created: 0, owner };
    const writes = [[path, node] as const, [parentPath, { ...parent, created: parent.created + 1 }] as const];
    const happenings: Happening[] = [
      { path, event: 'created', on: 'data' },
      { path: parentPath, event: 'child', on: 'children' },
    ];
    return { transaction: { zxid, writes, happenings }, path };
  }
}

const root: Znode = {
  data: Buffer.alloc(0),
  czxid: 0,
  mzxid: 0,
  ctime: 0,
  mtime: 0,
  version: 0,
  created: 0,
  owner: '0',
};
