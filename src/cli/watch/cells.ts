/** Text in columns of a terminal. Pure. */
import stringWidth from 'string-width';
import { dotted } from '../../visible.ts';

export type Style = 'plain' | 'bold' | 'dim' | 'good' | 'warn' | 'bad';

/** A piece of a row. */
export interface Span {
  readonly text: string;
  readonly style: Style;
}

/** One row of the screen, from left to right. */
export type Row = readonly Span[];

/** A piece of a row; what could steer a terminal becomes a dot. */
export function span(text: string, style: Style = 'plain'): Span {
  return { text: dotted(text), style };
}

const graphemes = new Intl.Segmenter('en');

/** The text, at most so many columns wide; one that was cut ends with `…`. */
export function cut(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text;
  let left = columns - 1;
  let kept = '';
  for (const { segment } of graphemes.segment(text)) {
    left -= stringWidth(segment);
    if (left < 0) break;
    kept += segment;
  }
  return columns < 1 ? '' : `${kept}…`;
}

/** The text as wide as so many columns: cut, or with spaces after it. */
export function fitted(text: string, columns: number): string {
  const kept = cut(text, columns);
  return kept + ' '.repeat(Math.max(0, columns - stringWidth(kept)));
}

/** How many columns the text takes. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/** The row, at most so many columns wide, as text; in colours if wanted. */
export function paint(row: Row, columns: number, colours: boolean): string {
  let left = columns;
  let painted = '';
  for (const { text, style } of row) {
    const kept = cut(text, left);
    left -= stringWidth(kept);
    painted += colours && style !== 'plain' && kept !== '' ? `${SGR[style]}${kept}\x1b[0m` : kept;
    if (left <= 0) break;
  }
  return painted;
}

/** Select graphic rendition of ECMA-48. */
const SGR: Readonly<Record<Exclude<Style, 'plain'>, string>> = {
  bold: '\x1b[1m',
  dim: '\x1b[2m',
  good: '\x1b[32m',
  warn: '\x1b[33m',
  bad: '\x1b[31m',
};
