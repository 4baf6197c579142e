/** npm's client behind a handle that a test answers for: what it is asked, and in which order. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ClientAnswer, ClientRequest } from '../../../../src/zookeeper/client/client.ts';
import { NativeClient, type NativeModule } from '../../../../src/zookeeper/client/native.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

type Done = (rc: number, error: string, ...result: unknown[]) => void;

/** A handle that is connected, and notes what it is asked. */
function handle() {
  const calls: { readonly name: string; readonly args: unknown[]; readonly done: Done }[] = [];
  const methods = ['a_create', 'a_get', 'a_get_acl', 'a_set_acl', 'add_auth'].map((name) => [
    name,
    (...args: unknown[]) => {
      calls.push({ name, args: args.slice(0, -1), done: args.at(-1) as Done });
      return 0;
    },
  ]);
  const native = { state: 3, timeout: 4000, init: () => calls.push({ name: 'init', args: [], done: () => undefined }) };
  class Module {
    readonly native = Object.assign(native, Object.fromEntries(methods));
  }
  const names = (): string[] => calls.map(({ name }) => name);
  return { calls, names, Module: Module as unknown as NativeModule };
}

const ANSWERED = { granted: () => undefined, event: () => undefined, ended: () => undefined };

function client(authentication?: { scheme: 'digest' | 'sasl-digest'; user: string; password: string }) {
  const { Module, calls, names } = handle();
  const options = { address: '127.0.0.1:2181', timeout: 4000, debug: false, authentication };
  const made = new NativeClient(Module, options, ANSWERED, new VirtualClock(1).process());
  const answers: ClientAnswer[] = [];
  const ask = (request: ClientRequest): void => made.ask(request, (answer) => answers.push(answer));
  return { ask, answers, calls, names };
}

const create = { op: 'create', path: '/a', data: Buffer.from('x'), flags: 0 } as const;

describe("npm's client", () => {
  it('says who it is before the connection is there', () => {
    const { calls, names } = client({ scheme: 'digest', user: 'bob', password: 'a:b' });
    expect(names()).toEqual(['init', 'add_auth']);
    expect(calls[1]?.args).toEqual(['digest', 'bob:a:b']);
    expect(client().names()).toEqual(['init']);
  });

  it('gives no password away that is for SASL', () => {
    expect(() => client({ scheme: 'sasl-digest', user: 'bob', password: 'secret' })).toThrow(
      "npm's client knows no SASL",
    );
  });

  it('has created a znode for its identity alone once the ACL is set, and not before', async () => {
    const { ask, answers, calls, names } = client();
    ask({ ...create, creator: true });
    calls[1]?.done(0, '', '/a');
    await turn();
    expect(names()).toEqual(['init', 'a_create', 'a_set_acl']);
    expect(calls[2]?.args).toEqual(['/a', -1, [{ perm: 31, perms: 31, scheme: 'auth', auth: '' }]]);
    expect(answers).toEqual([]);
    calls[2]?.done(0, '');
    expect(answers).toEqual([{ rc: 0, sent: true, path: '/a' }]);
  });

  it.each([
    ['a lost connection leaves it open whether it was created', -4, -4],
    ['a znode that somebody has deleted was created', -101, 0],
    ['a refusal is told', -114, -114],
  ])('when the ACL cannot be set: %s', async (_, rc, told) => {
    const { ask, answers, calls } = client();
    ask({ ...create, creator: true });
    calls[1]?.done(0, '', '/a');
    await turn();
    calls[2]?.done(rc, '');
    expect(answers).toMatchObject([{ rc: told, sent: true }]);
  });

  it('sets no ACL for a znode that is not created, or that is for everybody', async () => {
    const { ask, answers, calls, names } = client();
    ask({ ...create, creator: true });
    calls[1]?.done(-110, '', '');
    ask(create);
    calls[2]?.done(0, '', '/a');
    await turn();
    expect(names()).toEqual(['init', 'a_create', 'a_create']);
    expect(answers.map(({ rc }) => rc)).toEqual([-110, 0]);
  });

  it('asks for no ACL that it would be refused: the answer would end the process', async () => {
    const { ask, answers, calls, names } = client();
    ask({ op: 'getAcl', path: '/a' });
    calls[1]?.done(-102, '');
    await turn();
    expect(names()).toEqual(['init', 'a_get']);
    expect(answers).toMatchObject([{ rc: -102 }]);
    ask({ op: 'getAcl', path: '/a' });
    calls[2]?.done(0, '');
    await turn();
    calls[3]?.done(0, '', [{ perms: 31, scheme: 'world', auth: 'anyone' }]);
    expect(answers[1]).toEqual({ rc: 0, sent: true, acl: [{ perms: 31, scheme: 'world', id: 'anyone' }] });
  });
});
