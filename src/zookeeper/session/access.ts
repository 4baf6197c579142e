/** Who this process is to an ensemble, and whom the ACL of a znode lets in. */
import { createHash } from 'node:crypto';
import type { AclChoice, GlobalConfig, ZooKeeperAuth } from '../../config/config.ts';
import type { AclEntry, Authentication } from '../../keeper/protocol.ts';

export interface Access {
  /** `undefined`: nobody in particular. */
  readonly auth: ZooKeeperAuth | undefined;
  /** A certificate of its own says who it is as well (`x509`). */
  readonly hasCertificate: boolean;
  /** Whom what is made is for: everybody, or this identity alone. */
  readonly acl: AclChoice;
}

export const NO_ACCESS: Access = { auth: undefined, hasCertificate: false, acl: 'open' };

/** Who the configuration says this process is. */
export function accessOf(config: AccessConfig): Access {
  const { zookeeperAuth: auth, zookeeperAcl: acl, zookeeperTlsCert: certificate } = config;
  return { auth, acl, hasCertificate: certificate !== undefined };
}

type AccessConfig = Pick<GlobalConfig, 'zookeeperAuth' | 'zookeeperAcl' | 'zookeeperTlsCert'>;

type Self = Omit<Access, 'acl'>;

/** What the keeper is told, over its channel alone. */
export function authenticationOf({ auth }: Access): Authentication | undefined {
  return auth && { scheme: auth.scheme, user: auth.user, password: auth.password() };
}

/** Whom the ACL of a znode lets in, as one identity sees it. */
export interface Admission {
  /** Somebody of whom no identity is asked: everybody, or a network. */
  readonly isOpen: boolean;
  /** This identity, with all rights. */
  readonly self: boolean;
  /** Other identities, without what is secret of them. */
  readonly others: readonly string[];
}

const ALL_RIGHTS = 31;

/** Schemes by which a server knows a peer without an identity of its own (`isAuthenticated` of its providers). */
const WITHOUT_IDENTITY: readonly string[] = ['world', 'ip'];

/** Understands an ACL as the ensemble tells it. */
export function admissionOf(acl: readonly AclEntry[], self: Self): Admission {
  const granted = acl.filter(({ perms }) => perms !== 0);
  const own = granted.filter((entry) => isOwn(entry, self));
  const strangers = granted.filter((entry) => !own.includes(entry));
  return {
    isOpen: strangers.some(({ scheme }) => WITHOUT_IDENTITY.includes(scheme)),
    self: own.some(({ perms }) => perms === ALL_RIGHTS),
    others: strangers.filter(({ scheme }) => !WITHOUT_IDENTITY.includes(scheme)).map(inWords),
  };
}

/** Which subject a certificate has is the server's to say: any of `x509` counts, and the server judges each request. */
function isOwn({ scheme, id }: AclEntry, { auth, hasCertificate }: Self): boolean {
  if (hasCertificate && scheme === 'x509') return true;
  if (auth === undefined) return false;
  if (auth.scheme === 'sasl-digest')
    return scheme === 'sasl' && [auth.user, auth.user.replace(/[@/].*$/, '')].includes(id);
  return scheme === 'digest' && id === digestId(auth);
}

/** `DigestAuthenticationProvider.generateDigest`. */
function digestId(auth: ZooKeeperAuth): string {
  const digest = createHash('sha1').update(`${auth.user}:${auth.password()}`).digest('base64');
  return `${auth.user}:${digest}`;
}

/** The digest of a password is left out: it can be guessed by trying. */
function inWords({ scheme, id }: AclEntry): string {
  return scheme === 'digest' ? `${scheme}:${id.replace(/:.*$/, '')}` : `${scheme}:${id}`;
}

/** Who that is, for messages. */
export function nameOf({ auth, hasCertificate }: Self): string {
  if (auth !== undefined) return `${auth.scheme}:${auth.user}`;
  return hasCertificate ? 'the client certificate (x509)' : 'nobody';
}
