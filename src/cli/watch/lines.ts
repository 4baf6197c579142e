/** Scenes for a reader that is no terminal: one line of JSON, or a few of text, for each change. */
import type { Clock } from '../../clock.ts';
import { escapedLines } from '../../visible.ts';
import { LAST_RUNS } from '../report/picture.ts';
import { jsonDocument } from '../report/render.ts';
import { paint } from './cells.ts';
import type { Display } from './display.ts';
import { layout } from './layout.ts';
import { Output } from './output.ts';
import { changesBetween, sectionsOf, type Scene, type Section, type Sections } from './scene.ts';

export interface LinesOptions {
  readonly clock: Clock;
  readonly format: 'text' | 'json';
  /** The reader has gone. */
  quit(): void;
  /** It cannot go on. */
  fail(error: unknown): void;
}

/** A reader that is slower than the changes gets the last of those that came while it read. */
export class Lines implements Display {
  readonly #options: LinesOptions;
  readonly #output: Output;
  #scene: Scene | undefined;
  #told: Sections | undefined;
  #isWriting = false;

  constructor(options: LinesOptions) {
    this.#options = options;
    this.#output = new Output(1, options.clock);
  }

  show(scene: Scene): void {
    this.#scene = scene;
    if (!this.#isWriting) void this.#write();
  }

  /** What a slow reader has not taken yet is not waited for: it may never come. */
  close(): Promise<void> {
    this.#scene = undefined;
    return Promise.resolve();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      for (let text = this.#next(); text !== undefined; text = this.#next())
        if (!(await this.#output.write(text))) return this.#options.quit();
    } catch (error) {
      this.#options.fail(error);
    } finally {
      this.#isWriting = false;
    }
  }

  /** What has to be told now, if anything. */
  #next(): string | undefined {
    const scene = this.#scene;
    if (scene === undefined || isUntold(scene)) return undefined;
    const sections = sectionsOf(scene);
    const changes = changesBetween(this.#told, sections);
    if (changes.length === 0) return undefined;
    this.#told = sections;
    return this.#options.format === 'json' ? this.#json(scene, changes) : this.#text(scene, changes);
  }

  #json(scene: Scene, changes: readonly Section[]): string {
    const { picture, notes } = scene;
    const known =
      picture === undefined
        ? {}
        : jsonDocument(
            { ...picture.election, ...(notes.length > 0 && { notes }) },
            picture.runs.slice(-LAST_RUNS),
            picture.schedule,
          );
    const line = {
      at: this.#instant(this.#options.clock.now()),
      changes,
      connection: this.#connection(scene),
      ...known,
    };
    return `${escapedLines(JSON.stringify(line))}\n`;
  }

  #connection({ connection: { state, since, ...facts } }: Scene): object {
    return { state, since: this.#instant(since), ...facts };
  }

  #text(scene: Scene, changes: readonly Section[]): string {
    const { clock } = this.#options;
    const moment = { now: clock.now(), wall: clock.wall() };
    const { rows } = layout(scene, moment, { columns: Infinity, rows: Infinity });
    const head = `${this.#instant(moment.now)} changed: ${changes.join(', ')}`;
    return [head, ...rows.map((row) => paint(row, Infinity, false)), '', ''].join('\n');
  }

  /** ISO 8601 in UTC. `at`: monotonic ms. */
  #instant(at: number): string {
    const { clock } = this.#options;
    return new Date(Math.round(clock.wall() - (clock.now() - at))).toISOString();
  }
}

/** The first search for a server has not ended yet. */
function isUntold({ connection, picture }: Scene): boolean {
  return picture === undefined && connection.state === 'connecting' && connection.why === undefined;
}
