import { didYouMean } from './nearest.ts';
import { fieldOf, fields, keyOf, optionOf, variableOf, type Field } from './options.ts';

/** A value that one layer gives to one field, not yet parsed. */
export interface Setting {
  readonly field: Field;
  readonly text: string;
  /** Where it stands: `/etc/ballot/ballot.yaml:3`, `environment BALLOT_LOG_LEVEL`, `flag --log-level`. */
  readonly source: string;
  /** Set for a variable that other tools may mean: what does not parse is passed over with a warning. */
  readonly ambient?: true;
}

export interface Layer {
  readonly settings: readonly Setting[];
  readonly problems: readonly string[];
}

const PREFIX = 'BALLOT_';

/** What ballot gives its command besides keys: not an error when ballot runs inside ballot. */
const GIVEN_TO_COMMANDS = new Set(['BALLOT_FENCING_TOKEN', 'BALLOT_RUN_ID', 'BALLOT_TICK']);

/** What Kubernetes puts into every container next to a service whose name is `ballot` or begins with `ballot-`. */
const SERVICE_NAME = /^BALLOT_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;

/** `BALLOT_X_PORT` of Kubernetes holds an address. `BALLOT_ZOOKEEPER_PORT=2181` is somebody's mistake. */
const SERVICE_PORT = /^BALLOT_(\w+_)?PORT$/;
const SERVICE_ADDRESS = /^(tcp|udp|sctp):\/\//;

function isServiceLink(name: string, value: string): boolean {
  return SERVICE_NAME.test(name) || (SERVICE_PORT.test(name) && SERVICE_ADDRESS.test(value));
}

/** The environment's layer: `BALLOT_X`, else `X` for the keys that Go's ballot has. An empty value counts as unset. */
export function environmentLayer(env: NodeJS.ProcessEnv): Layer {
  const settings: Setting[] = [];
  for (const field of fields) {
    const bare = variableOf(field);
    const prefixed = PREFIX + bare;
    const own = env[prefixed];
    const shared = optionOf(field).inGo ? env[bare] : undefined;
    if (own) settings.push({ field, text: own, source: `environment ${prefixed}` });
    else if (shared) settings.push({ field, text: shared, source: `environment ${bare}`, ambient: true });
  }
  const known = new Set(fields.map((field) => PREFIX + variableOf(field)));
  const unknown = Object.entries(env).filter(
    ([name, value]) =>
      name.startsWith(PREFIX) &&
      value &&
      !known.has(name) &&
      !GIVEN_TO_COMMANDS.has(name) &&
      !isServiceLink(name, value),
  );
  const problems = unknown.map(([name]) => `environment ${name}: unknown variable${didYouMean(name, known)}`);
  return { settings, problems };
}

/** The flags' layer. A repeated flag is a list where the option is one; else the last one counts. */
export function flagLayer(flags: ReadonlyMap<string, readonly string[]>): Layer {
  const settings: Setting[] = [];
  for (const [key, values] of flags) {
    const field = fieldOf(key);
    // Unknown flags are a matter of usage and were refused before.
    if (field === undefined) continue;
    const text = optionOf(field).kind.native === 'list' ? values.join(',') : (values.at(-1) ?? '');
    settings.push({ field, text, source: `flag --${keyOf(field)}` });
  }
  return { settings, problems: [] };
}
