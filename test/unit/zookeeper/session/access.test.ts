import { describe, expect, it } from 'vitest';
import { GivenAuth } from '../../../../src/config/zookeeper-auth.ts';
import { admissionOf, nameOf } from '../../../../src/zookeeper/session/access.ts';

const digest = { hasCertificate: false, auth: GivenAuth.parse('digest:bob:secret') };
const sasl = { hasCertificate: false, auth: GivenAuth.parse('sasl-digest:bob:secret') };

/** `zkCli.sh addauth digest bob:secret` makes this of `auth::cdrwa`. */
const BOB = { perms: 31, scheme: 'digest', id: 'bob:fyVmFCwVbTJYrznoSu1koqYEYF0=' };
const WORLD = { perms: 31, scheme: 'world', id: 'anyone' };

describe('whom an ACL lets in', () => {
  it('this identity alone', () => {
    expect(admissionOf([BOB], digest)).toEqual({ isOpen: false, self: true, others: [] });
    expect(admissionOf([{ perms: 31, scheme: 'sasl', id: 'bob' }], sasl)).toEqual({
      isOpen: false,
      self: true,
      others: [],
    });
  });

  it('this one by its certificate as well, where it has one', () => {
    const entry = { perms: 31, scheme: 'x509', id: 'CN=bob' };
    const certified = { auth: undefined, hasCertificate: true };
    expect(admissionOf([entry], certified)).toEqual({ isOpen: false, self: true, others: [] });
    expect(admissionOf([BOB], certified)).toMatchObject({ self: false, others: ['digest:bob'] });
  });

  it.each([
    ['everybody', WORLD],
    ['everybody, to read', { ...WORLD, perms: 1 }],
    ['a network', { perms: 15, scheme: 'ip', id: '10.0.0.0/8' }],
  ])('%s', (_, entry) => {
    expect(admissionOf([BOB, entry], digest)).toMatchObject({ isOpen: true, self: true });
  });

  it('nobody by an entry without rights', () => {
    expect(admissionOf([BOB, { ...WORLD, perms: 0 }], digest)).toEqual({ isOpen: false, self: true, others: [] });
  });

  it('others: another password, another scheme, another user; the digest of a password is not repeated', () => {
    const entries = [
      { ...BOB, id: 'bob:other' },
      { perms: 31, scheme: 'sasl', id: 'bob' },
      { perms: 31, scheme: 'x509', id: 'CN=bob' },
    ];
    expect(admissionOf(entries, digest)).toEqual({
      isOpen: false,
      self: false,
      others: ['digest:bob', 'sasl:bob', 'x509:CN=bob'],
    });
    expect(admissionOf([BOB], sasl)).toMatchObject({ self: false, others: ['digest:bob'] });
  });

  it('not this identity when it lacks a right', () => {
    expect(admissionOf([{ ...BOB, perms: 15 }], digest)).toEqual({ isOpen: false, self: false, others: [] });
  });

  it('names identities without passwords', () => {
    expect(nameOf(sasl)).toBe('sasl-digest:bob');
    expect(JSON.stringify(digest)).not.toContain('secret');
  });
});
