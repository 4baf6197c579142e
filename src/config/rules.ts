import { formatDuration } from '../duration.ts';
import type { ClientChoice, CronConfig, GlobalConfig, JoinConfig, RunConfig } from './config.ts';
import { keyOf, tlsFields, type Field } from './options.ts';
import { doubtSchedule, findZone } from './schedule.ts';

/** What set each field. */
type Sources<F extends Field = Field> = Readonly<Record<F, string>>;

/** A value in an inequality: what it is called, its milliseconds, and the sources that made it. */
interface Term {
  readonly name: string;
  readonly ms: number;
  readonly from: string;
}

/**
 * What two or more fields demand of each other. Each problem states the inequality that fails, with the values of both
 * sides and where they come from. That a lease of any allowed duration leaves time for its heartbeats, and for SIGKILL
 * before its end, is a matter of its least duration, not of other fields (a grace that does not fit into it is cut
 * short).
 */
export function checkTogether(config: RunConfig, sources: Sources): string[] {
  const [longest, first] = [term(config, sources, 'restartMaxDelay'), term(config, sources, 'restartDelay')];
  return [
    ...checkName(config),
    ...atLeast(longest, first, 'the longest pause cannot be shorter than the first'),
    ...checkLease(config, sources),
  ];
}

type TlsField = 'zookeeperClient' | (typeof tlsFields)[number];

/** What means something with `zookeeperTls` alone. */
const [, ...TLS_FIELDS] = tlsFields;

/** What TLS demands. A certificate without TLS is refused: nobody who names one means to speak in the clear. */
export function checkTls(config: Pick<GlobalConfig, TlsField>, sources: Sources<TlsField>): string[] {
  const said = (field: TlsField): string => `${keyOf(field)} ${config[field]} (${sources[field]})`;
  if (!config.zookeeperTls)
    return TLS_FIELDS.filter((field) => config[field] !== undefined).map(
      (field) =>
        `${said(field)} means nothing with ${said('zookeeperTls')}: set zookeeper-tls to true, or leave it out`,
    );
  const pair = ['zookeeperTlsCert', 'zookeeperTlsKey'] as const;
  const [lonely, ...both] = pair.filter((field) => config[field] !== undefined);
  const missing = keyOf(lonely === 'zookeeperTlsKey' ? 'zookeeperTlsCert' : 'zookeeperTlsKey');
  const together = `${said('zookeeperClient')} cannot go with ${said('zookeeperTls')}`;
  return [
    ...(config.zookeeperClient === 'native' ? [`${together}: npm's zookeeper knows no TLS: choose auto or wire`] : []),
    ...(lonely !== undefined && both.length === 0 ? [`${said(lonely)} needs ${missing}, which is not set`] : []),
  ];
}

/** The same for a candidate without a command, whose term always ends before its lease can be another's. */
export function checkJoin(config: JoinConfig, sources: Sources<keyof JoinConfig>): string[] {
  const anyway = `on-election-failure run-anyway (${sources.onElectionFailure})`;
  return [
    ...checkName(config),
    ...checkLease({ ...config, onLeaseLoss: 'stop' }, sources),
    ...(config.onElectionFailure === 'run-anyway'
      ? [`${anyway}: there is no command to run without leadership: choose retry or exit`]
      : []),
  ];
}

/** How ballot is to get into ZooKeeper, for every command that does. A command may know only some of the fields. */
export function checkAccess(config: AccessConfig, sources: Sources<keyof AccessConfig>): string[] {
  const { zookeeperAuth: auth, zookeeperAcl: acl, zookeeperClient: client, zookeeperTlsCert, mixedFleet } = config;
  const creator = `zookeeper-acl creator (${sources.zookeeperAcl})`;
  return [
    ...(auth?.scheme === 'sasl-digest' && client === 'native'
      ? [
          `zookeeper-client native (${sources.zookeeperClient}) knows no SASL, which zookeeper-auth ` +
            `(${sources.zookeeperAuth}) asks for: choose auto or wire`,
        ]
      : []),
    ...(acl === 'creator' && auth === undefined && zookeeperTlsCert === undefined
      ? [`${creator} needs an identity to make znodes for: set zookeeper-auth, or zookeeper-tls-cert`]
      : []),
    ...(acl === 'creator' && mixedFleet
      ? [
          `${creator} cannot go with mixed-fleet true (${sources.mixedFleet}): Go's ballot cannot authenticate, ` +
            'and would be shut out',
        ]
      : []),
  ];
}

/** The client that keepers are told to use: npm's does not speak SASL. */
export function clientFor({
  zookeeperClient,
  zookeeperAuth,
}: Pick<RunConfig, 'zookeeperAuth' | 'zookeeperClient'>): ClientChoice {
  return zookeeperAuth?.scheme === 'sasl-digest' ? 'wire' : zookeeperClient;
}

type AccessConfig = Pick<
  GlobalConfig,
  'zookeeperAuth' | 'zookeeperAcl' | 'zookeeperClient' | 'zookeeperTlsCert' | 'mixedFleet'
>;

function checkName({ candidateId }: Pick<RunConfig, 'candidateId'>): string[] {
  if (candidateId !== '') return [];
  return ['candidate-id: this host has no name that could be its default: give this candidate a name (--candidate-id)'];
}

type LeaseField = 'leaseDuration' | 'zookeeperSessionTimeout';

function checkLease(
  config: Pick<RunConfig, LeaseField | 'onLeaseLoss' | 'mixedFleet'>,
  sources: Sources<LeaseField>,
): string[] {
  // Without a duration of its own the lease lasts as long as the session.
  if (config.leaseDuration === undefined) return [];
  const [lease, session] = [term(config, sources, 'leaseDuration'), term(config, sources, 'zookeeperSessionTimeout')];
  return [
    ...(config.onLeaseLoss === 'keep'
      ? atLeast(
          lease,
          session,
          'with on-lease-loss=keep a shorter lease is lost while its session lives; use on-lease-loss=stop for one',
        )
      : []),
    ...(config.mixedFleet
      ? atLeast(
          session,
          lease,
          "with mixed-fleet the lease cannot be longer: Go's ballot waits for the session timeout alone",
        )
      : []),
  ];
}

function term<F extends Field>(config: Readonly<Record<F, number | undefined>>, sources: Sources<F>, field: F): Term {
  return { name: keyOf(field), ms: config[field] ?? 0, from: sources[field] };
}

function atLeast(left: Term, right: Term, why: string): string[] {
  if (left.ms >= right.ms) return [];
  const side = ({ name, ms, from }: Term): string => `${name} ${formatDuration(ms)} (${from})`;
  return [`${side(left)} must be at least ${side(right)}: ${why}`];
}

/** What the fields of `run cron` demand of others. */
export function checkCron(config: RunConfig, sources: Sources): string[] {
  if (config.catchUp === 'none' || !config.mixedFleet) return [];
  return [
    `catch-up ${config.catchUp} (${sources.catchUp}) cannot go with mixed-fleet true (${sources.mixedFleet}): ` +
      "Go's ballot does not record what it ran, so a tick could run twice",
  ];
}

/** What `run cron` cannot start without. */
export function checkScheduled(config: Partial<CronConfig>): string[] {
  if (config.schedule === undefined) {
    const ways = '--schedule "30 2 * * *", schedule in a file, or BALLOT_SCHEDULE in the environment';
    return [`schedule: is not set, and ballot run cron needs it: ${ways}`];
  }
  return findZone(config.schedule, config.timezone);
}

/** What is no problem, but hardly meant, or means less than it says. */
export function doubtCron(config: RunConfig, sources: Sources): string[] {
  const { catchUp, startDeadline } = config;
  const idle = catchUp === 'none' && startDeadline !== undefined;
  const deadline = `start-deadline ${formatDuration(startDeadline ?? 0)} (${sources.startDeadline})`;
  return [
    ...doubtSchedule(config, sources),
    ...(idle ? [`${deadline} has no effect: with catch-up none (${sources.catchUp}) nothing is caught up`] : []),
  ];
}
