/** What one coordinator has and another has not: options without a meaning beside the coordinator that is chosen. */
import { join } from 'node:path';
import { BASE } from './kinds.ts';
import { keyOf, optionOf, type Field, zookeeperFields } from './options.ts';

/** A value and what set it. */
export interface Value {
  readonly value: unknown;
  readonly source: string;
}

type Values = Map<Field, Value>;

/** Options that mean nothing beside a coordinator. On one host nobody is far away, so nothing waits for a lease. */
const MEANINGLESS: Readonly<Record<string, readonly Field[]>> = {
  local: [...zookeeperFields, 'onElectionFailure', 'onLeaseLoss', 'leaseDuration'],
  zookeeper: ['stateDir', 'stateGroup'],
};

/**
 * Puts the default in the place of each value that means nothing beside the coordinator: an error when a flag or a
 * program has set it, else a warning. And lets the base path follow the election's name, unless it is set.
 */
export function fitToCoordinator(
  values: Values,
  defaults: (field: Field) => Value,
): { readonly problems: string[]; readonly warnings: string[] } {
  const problems: string[] = [];
  const warnings: string[] = [];
  const coordinator = values.get('coordinator') ?? defaults('coordinator');
  for (const field of MEANINGLESS[String(coordinator.value)] ?? []) {
    const { source = 'default', value } = values.get(field) ?? {};
    if (source === 'default') continue;
    const why = `coordinator ${String(coordinator.value)} (${coordinator.source})`;
    if (/^(flag|option) /.test(source)) problems.push(`${source}: means nothing with ${why}: leave it out`);
    // What `ballot config` prints names every key, and may be a file.
    else if (!isSame(field, value, defaults(field).value))
      warnings.push(`${source}: ${keyOf(field)} has no effect with ${why}`);
    values.set(field, defaults(field));
  }
  const election = values.get('election');
  if (election !== undefined && election.source !== 'default' && values.get('zookeeperBasePath')?.source === 'default')
    values.set('zookeeperBasePath', {
      value: `${BASE}/${String(election.value)}`,
      source: `election: ${election.source}`,
    });
  return { problems, warnings };
}

function isSame(field: Field, value: unknown, other: unknown): boolean {
  const { format } = optionOf(field).kind;
  return value === other || (other !== undefined && format(value) === format(other));
}

/** Where elections of this user are kept unless told otherwise. `undefined`: there is no place for them. */
export function defaultStateDir(env: NodeJS.ProcessEnv, user: number | undefined): string | undefined {
  if (user === 0) return '/var/lib/ballot';
  const { XDG_STATE_HOME: state, HOME: home } = env;
  // The specification of XDG says that a relative path is not to be considered.
  if (state?.startsWith('/')) return join(state, 'ballot');
  return home?.startsWith('/') ? join(home, '.local/state/ballot') : undefined;
}
