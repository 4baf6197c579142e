/**
 * Escaping of whole blocks of lines. A block is UTF-8 held as a latin1 string, one character a byte: valid UTF-8 passes
 * through unchanged when it is written as latin1 again, and V8 searches and joins such strings as plain memory.
 */

const JSON_SPECIAL = /["\\\0-\x09\x0b-\x1f]/;
const TERMINAL_SPECIAL = /[\0-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/;
const TERMINAL_SPECIALS = /\x1b\[[\d;:]*m|[\0-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/g;

/**
 * The inside of a JSON string for every line of a block; the newlines stay. Also what logfmt readers understand between
 * quotes.
 */
export function escapeJson(block: string): string {
  if (!JSON_SPECIAL.test(block)) return block;
  // Without a backslash in it, a `\n` in the result can only stand for a newline.
  if (!block.includes('\\')) return JSON.stringify(block).slice(1, -1).replaceAll('\\n', '\n');
  return block
    .split('\n')
    .map((line) => (JSON_SPECIAL.test(line) ? JSON.stringify(line).slice(1, -1) : line))
    .join('\n');
}

function visible(control: string): string {
  return `\\x${control
    .charCodeAt(control.length - 1)
    .toString(16)
    .padStart(2, '0')}`;
}

/**
 * For people: control characters (C0 less tab and newline, DEL, C1) become visible as `\x1b`, so that output can
 * neither move the cursor nor forge lines. With `colours`, plain colour sequences (`ESC [ … m`) stay.
 */
export function escapeTerminal(block: string, colours: boolean): string {
  if (!TERMINAL_SPECIAL.test(block)) return block;
  return block.replace(TERMINAL_SPECIALS, (found) => {
    if (!found.startsWith('\x1b[')) return visible(found);
    return colours ? found : `\\x1b${found.slice(1)}`;
  });
}

/** A string as latin1 text of its UTF-8 bytes. */
export function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The reverse of `bytesOf`. */
export function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
