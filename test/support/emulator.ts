import stringWidth from 'string-width';

interface Buffer {
  readonly rows: string[][];
  row: number;
  column: number;
}

const SEQUENCE = /^\x1b\[(\??)([\d;]*)([A-Za-z])/;
const graphemes = new Intl.Segmenter('en');

/**
 * The screen of a terminal that knows what a program may use that draws rows at their places, and nothing else: an
 * unknown sequence is an error, and so is a row that is wider than the screen while lines are not wrapped.
 */
export class Emulator {
  columns: number;
  rows: number;
  cursorVisible = true;
  wraps = true;
  /** What was written over the right edge. */
  overflow = '';
  #usual: Buffer = { rows: [], row: 0, column: 0 };
  #other: Buffer | undefined;
  #rest = '';

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
  }

  /** Whether the screen of full-screen programs is shown. */
  get isAlternate(): boolean {
    return this.#other !== undefined;
  }

  /** What is shown, row by row, without spaces at the ends; the empty rows at the bottom are left out. */
  get lines(): string[] {
    const lines = this.#present.rows.map((cells) =>
      Array.from(cells, (cell) => cell ?? ' ')
        .join('')
        .trimEnd(),
    );
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
  }

  write(text: string): void {
    let left = this.#rest + text;
    this.#rest = '';
    while (left !== '') {
      if (left.startsWith('\x1b')) {
        const found = SEQUENCE.exec(left);
        if (found === null) {
          if (left.length > 20)
            throw new Error(`no sequence that this terminal knows: ${JSON.stringify(left.slice(0, 20))}`);
          this.#rest = left;
          return;
        }
        this.#obey(found[1] === '?', found[2] ?? '', found[3] ?? '');
        left = left.slice(found[0].length);
        continue;
      }
      const next = left.indexOf('\x1b');
      for (const { segment } of graphemes.segment(next < 0 ? left : left.slice(0, next))) this.#put(segment);
      left = next < 0 ? '' : left.slice(next);
    }
  }

  get #present(): Buffer {
    return this.#other ?? this.#usual;
  }

  #obey(isPrivate: boolean, numbers: string, final: string): void {
    const present = this.#present;
    const name = `${isPrivate ? '?' : ''}${numbers}${final}`;
    if (name === '?1049h') this.#other = { rows: [], row: 0, column: 0 };
    else if (name === '?1049l') this.#other = undefined;
    else if (name === '?25h' || name === '?25l') this.cursorVisible = final === 'h';
    else if (name === '?7h' || name === '?7l') this.wraps = final === 'h';
    else if (name === '2J') present.rows.length = 0;
    else if (name === '2K') present.rows[present.row] = [];
    else if (final === 'm') return;
    else if (final === 'H') {
      const [row = 1, column = 1] = numbers.split(';').map(Number);
      [present.row, present.column] = [row - 1, column - 1];
      if (row > this.rows) throw new Error(`row ${row} of ${this.rows}`);
    } else throw new Error(`no sequence that this terminal knows: ${name}`);
  }

  #put(segment: string): void {
    const present = this.#present;
    if (segment === '\r\n') [present.row, present.column] = [present.row + 1, 0];
    else if (segment === '\r') present.column = 0;
    else if (segment === '\n') present.row++;
    else {
      const width = stringWidth(segment);
      if (this.isAlternate && present.column + width > this.columns) this.overflow += segment;
      const cells = (present.rows[present.row] ??= []);
      cells[present.column] = segment;
      for (let more = 1; more < width; more++) cells[present.column + more] = '';
      present.column += width;
    }
  }
}
