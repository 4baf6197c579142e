/**
 * Told histories as text: what is done to whom, and what each host then says and does. A story is blocks of lines,
 * apart by empty lines:
 *
 *     # What a reader should know.
 *     start h1
 *     run 2s
 *     ----
 *     h1
 *       0.0 ballot starts
 *
 * Above the bar stand deeds, one a line (`DEEDS`), below it is what came of them, host by host, in seconds from the
 * beginning. The first block may begin with `given` and the settings of the world (`GIVEN`).
 */
import type { LeaseLossPolicy } from '../../src/config/config.ts';
import { parseDuration } from '../../src/duration.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { scheduleOf } from './cron.ts';
import type { Impairment } from './faults.ts';
import { build, end, judge, type World } from './history.ts';
import type { Host } from './host.ts';
import { BASE } from './ledger-chronicle.ts';
import { QUIET_SETTING, type Setting, type Theme } from './setting.ts';
import { Trace } from './trace.ts';

type Lines = Trace['lines'];

const BAR = '----';

/** What `given` may change, each by its word. */
const GIVEN: Readonly<Record<string, (setting: Setting, value: string) => Partial<Setting>>> = {
  theme: (_, value) => ({ theme: value as Theme }),
  candidates: (_, value) => ({ candidates: Number(value) }),
  'lease-duration': (_, value) => ({ leaseDuration: parseDuration(value), lease: parseDuration(value) }),
  'on-lease-loss': ({ plan }, value) => ({ plan: { ...plan, onLeaseLoss: value as LeaseLossPolicy } }),
  'kill-after': ({ plan }, value) => ({ plan: { ...plan, killAfter: parseDuration(value) } }),
  lasts: ({ habits }, value) => ({ habits: { ...habits, lasts: [parseDuration(value), parseDuration(value)] } }),
  deaf: ({ habits }) => ({ habits: { ...habits, stubborn: 1 } }),
  every: ({ plan }, value) => ({
    plan: { ...plan, cron: { concurrency: 'queue' } },
    cron: {
      text: `@every ${value}`,
      schedule: scheduleOf(`@every ${value}`),
      gap: parseDuration(value),
      concurrency: 'queue',
      catchUp: 'once',
      startDeadline: undefined,
      clocks: 'near',
    },
  }),
};

/** A world, and what has been done to it. */
class Story {
  readonly world: World;
  readonly #problems: string[] = [];
  readonly #impairments: Impairment[] = [];
  /** What ends the fault of each host. */
  readonly #cures = new Map<string, () => void>();

  constructor(setting: Setting) {
    const clock = new VirtualClock(1);
    this.world = build(clock, setting, new Trace(clock), {}, this.#problems);
  }

  /** What has happened so far. The lease tells who has held it. */
  get lines(): Lines {
    const { trace, chronicle } = this.world;
    const begun = chronicle.changes.filter(({ token }, index, all) => index === 0 || token !== all[index - 1]?.token);
    const held = begun.map(({ at, by, token }) => ({
      at,
      who: 'lease',
      what: token === undefined ? `vacant, cleared by ${by}` : `held by ${by}, term ${token}`,
    }));
    return [...trace.lines, ...held].toSorted((a, b) => a.at - b.at);
  }

  host(name: string | undefined): Host {
    const host = this.world.hosts.find((other) => other.name === name);
    if (host === undefined) throw new Error(`no host ${name}: there are ${this.world.hosts.map((h) => h.name).join()}`);
    return host;
  }

  /** Begins a fault, which lasts until it is cured. */
  strike(kind: Impairment['kind'], victim: string, cure: () => void): void {
    const from = this.world.clock.time;
    const since = { host: victim, kind, from, to: Infinity };
    this.#impairments.push(since);
    this.#cures.set(victim, () => {
      this.#impairments[this.#impairments.indexOf(since)] = { ...since, to: this.world.clock.time };
      cure();
    });
  }

  cure(victim: string): void {
    const cure = this.#cures.get(victim);
    if (cure === undefined) throw new Error(`nothing ails ${victim}`);
    this.#cures.delete(victim);
    cure();
  }

  /** Stops everybody, and judges as every other history is judged. */
  async finish(): Promise<void> {
    const { trace } = this.world;
    await end(this.world, this.#problems, false);
    const wrong = [...this.#problems, ...judge(this.world, this.#impairments)];
    for (const problem of wrong.length === 0 ? ['all is well'] : wrong) trace.log('history', problem);
  }
}

const EVERYBODY = 'everybody';

/** What may be done, by the first word of a line. */
const DEEDS: Readonly<Record<string, (story: Story, args: readonly string[]) => void | Promise<unknown>>> = {
  start: (story, hosts) => hosts.forEach((name) => story.host(name).start()),
  run: ({ world }, [time = '']) => world.clock.run(world.clock.time + parseDuration(time)),
  stop: (story, [name, signal = 'SIGTERM']) => story.host(name).stop(signal as NodeJS.Signals),
  kill: (story, [name]) => story.host(name).killSupervisor(),
  crash: (story, [name = '']) => {
    story.host(name).crash();
    story.strike('dead', name, () => undefined);
  },
  pause: (story, [name = '']) => story.strike('paused', name, story.host(name).pause(false)),
  freeze: (story, [name = '']) => story.strike('frozen', name, story.host(name).pause(true)),
  resume: (story, [name = '']) => story.cure(name),
  cut: (story, [name = '']) => {
    const { ensemble } = story.world;
    ensemble.cut(name, ensemble.servers, 'none');
    story.strike('network', name, () => ensemble.cut(name, ensemble.servers, 'open'));
  },
  mend: (story, [name = '']) => story.cure(name),
  down: (story) => {
    story.world.ensemble.goDown();
    story.strike('network', EVERYBODY, () => story.world.ensemble.comeBack());
  },
  up: (story) => story.cure(EVERYBODY),
  'delete-proposal': ({ world }, [name]) => {
    const ids = [...world.ensemble.sessions.values()].filter(({ host }) => host === name).map(({ id }) => id);
    const mine = world.ensemble.proposals(BASE).find(({ owner }) => ids.includes(owner));
    world.ensemble.tamper(mine?.path ?? '', undefined);
  },
  end: (story) => story.finish(),
};

/** Tells a story anew: its deeds as they stand there, and what has come of them now. */
export async function retell(text: string): Promise<string> {
  const blocks = text.trim().split(/\n{2,}/);
  const first = (blocks[0] ?? '').split('\n').find((line) => line.startsWith('given '));
  const story = new Story(settingOf(first?.split(' ').slice(1) ?? []));
  const told: string[] = [];
  for (const block of blocks) {
    const [deeds = ''] = block.split(`\n${BAR}`);
    const before = story.lines.length;
    for (const line of deeds.split('\n')) await perform(story, line);
    const outcome = hostByHost(story.lines.slice(before));
    told.push(outcome.length === 0 ? deeds : [deeds, BAR, ...outcome].join('\n'));
  }
  return `${told.join('\n\n')}\n`;
}

function settingOf(given: readonly string[]): Setting {
  return given.reduce((setting, word) => {
    const [name = '', value = ''] = word.split('=');
    const change = GIVEN[name];
    if (change === undefined) throw new Error(`given ${name}: one of ${Object.keys(GIVEN).join(', ')}`);
    return { ...setting, ...change(setting, value) };
  }, QUIET_SETTING);
}

async function perform(story: Story, line: string): Promise<void> {
  const [word = '', ...args] = line.split(' ');
  if (word === '#' || word === 'given') return;
  const deed = DEEDS[word];
  if (deed === undefined) throw new Error(`${line}: ${word} is none of ${Object.keys(DEEDS).join(', ')}`);
  await deed(story, args);
}

/** Heartbeats, and what a reader of a log sees at level debug alone. */
const PASSED_OVER = /^((debug|trace): |set \S+ v-?\d+ by )/;

/** Numbers of transactions begin at 2³², and are tokens, too: the rest tells them apart. */
const EPOCH = /\b4294967\d{3}\b/g;

function hostByHost(lines: Lines): string[] {
  const shown = lines.filter(({ what }) => !PASSED_OVER.test(what));
  const everybody = [...new Set(shown.map(({ who }) => who))].toSorted();
  return everybody.flatMap((name) => [
    name,
    ...shown
      .filter(({ who }) => who === name)
      .map(({ at, what }) => `  ${(at / 1000).toFixed(1)} ${what.replace(EPOCH, shorter)}`),
  ]);
}

const shorter = (token: string): string => String(Number(token) - 2 ** 32);
