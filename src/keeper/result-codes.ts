/** Result codes and states of the ZooKeeper client that both processes of a candidate look at. */

/** ZSESSIONEXPIRED. */
export const EXPIRED = -112;

/** The state ZOO_AUTH_FAILED, and the result codes ZAUTHFAILED and ZSESSIONCLOSEDREQUIRESASLAUTH (of any scheme). */
export const AUTHENTICATION_WANTED: readonly number[] = [-113, -115, -124];
