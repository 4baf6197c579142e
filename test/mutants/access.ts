/** Faults of who ballot is to ZooKeeper, of where its password may be seen, and of whom its znodes let in. */
import { integration, unit, type Mutant } from './mutant.ts';

const client = (named: string) => unit('zookeeper/client/native', named);
const sasl = (named: string) => unit('zookeeper/client/wire/sasl', named);
const auth = (named: string) => unit('config/zookeeper-auth', named);
const admission = (named: string) => unit('zookeeper/session/access', named);
const access = (named: string) => integration('access', named);

export const accessMutants: readonly Mutant[] = [
  {
    what: 'npm’s client says that a znode is made before its ACL is set',
    file: 'zookeeper/client/native.ts',
    find: 'if (rc !== 0 || request.creator !== true) answer(rc, { path: created });',
    put: 'answer(rc, { path: created }); if (rc !== 0 || request.creator !== true) return;',
    noticedBy: client('once the ACL is set'),
  },
  {
    what: 'npm’s client takes a creation whose ACL nobody has confirmed for done',
    file: 'zookeeper/client/native.ts',
    find: 'rc: rc === NO_NODE ? 0 : rc',
    put: 'rc: 0',
    noticedBy: client('when the ACL cannot be set'),
  },
  {
    what: 'npm’s client asks for an ACL that it may be refused',
    file: 'zookeeper/client/native.ts',
    find: 'if (rc !== 0) answer(rc);',
    put: 'if (rc === 1) answer(rc);',
    noticedBy: client('asks for no ACL'),
  },
  {
    what: 'any server is believed to know the password',
    file: 'zookeeper/client/wire/sasl.ts',
    find: '|| !timingSafeEqual(said, expected)',
    put: '',
    noticedBy: sasl('believes no other'),
  },
  {
    what: 'a server that is asked nothing is believed',
    file: 'zookeeper/client/wire/sasl.ts',
    find: 'expected.length === 0 || ',
    put: '',
    noticedBy: sasl('believes nobody'),
  },
  {
    what: 'another user of the same name counts as this one',
    file: 'zookeeper/session/access.ts',
    find: "scheme === 'digest' && id === digestId(auth)",
    put: "scheme === 'digest' && id.startsWith(`${auth.user}:`)",
    noticedBy: admission('others'),
  },
  {
    what: 'an ACL for a network counts as closed',
    file: 'zookeeper/session/access.ts',
    find: "['world', 'ip']",
    put: "['world']",
    noticedBy: admission('a network'),
  },
  {
    what: 'a file with a password that everybody can read is taken',
    file: 'config/zookeeper-auth.ts',
    find: '(mode & 0o007) !== 0',
    put: 'false',
    noticedBy: auth('others can use'),
  },
  {
    what: 'a FIFO is taken for a file with a password',
    file: 'config/zookeeper-auth.ts',
    find: 'wrongKind(stats) ?? openToOthers',
    put: 'openToOthers',
    noticedBy: auth('something else'),
  },
  {
    what: 'a password is quoted where it is no value',
    file: 'config/load.ts',
    find: 'isSecret ? `${source}: ${keyOf(field)}` : ',
    put: '',
    noticedBy: access('is not quoted'),
  },
  {
    what: 'the environment of the supervisor shows the password',
    file: 'cli/secret-variable.ts',
    find: '  eraseInMemory();',
    put: '',
    noticedBy: access('is seen nowhere'),
  },
  {
    what: 'the command inherits the variable with the password',
    file: 'cli/secret-variable.ts',
    find: '  delete process.env[VARIABLE];',
    put: '',
    noticedBy: access('is seen nowhere'),
  },
  {
    what: 'the command’s core files hold nothing, since ballot’s do not',
    file: 'command/core-dumps.ts',
    find: 'write(inherited);',
    put: '',
    noticedBy: access('is seen nowhere'),
  },
  {
    what: 'a core file of the keeper holds the password',
    file: 'keeper/main.ts',
    find: 'command.authentication !== undefined || ',
    put: '',
    noticedBy: access('parents first'),
  },
  {
    what: 'what was made below an open base path stays open',
    file: 'zookeeper/election/restriction.ts',
    find: 'const below = await this.#restrictChildren(signal);',
    put: 'const below: string[] = [];',
    noticedBy: access('moves from open'),
  },
  {
    what: 'a candidate stands on a base path of somebody else',
    file: 'zookeeper/election/restriction.ts',
    find: 'await this.#restrict(basePath, signal);',
    put: '{ isOpen: false, self: true, others: [] };',
    noticedBy: access('of somebody else'),
  },
  {
    what: 'run-anyway runs a command whose identity the ensemble refuses',
    file: 'supervisor/leadership.ts',
    find: "kind === 'bug' || kind === 'unauthenticated'",
    put: "kind === 'bug'",
    noticedBy: unit('supervisor/ending', 'does not believe'),
  },
];
