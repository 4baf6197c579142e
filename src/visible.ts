/** Text that others wrote, made safe to show: what nobody sees can steer a terminal, or forge a line or a name. */

/** White space, control and format characters, fillers and variation selectors of Unicode, and the blank of Braille. */
const UNSEEN = /[\p{White_Space}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u{2800}]/u;

const UNSEEN_BUT_SPACE = new RegExp(`(?! )${UNSEEN.source}`, 'gu');
const UNSEEN_IN_LINES = new RegExp(`(?![ \\n])${UNSEEN.source}`, 'gu');

/** Why the text is refused where it must be plain to see, or `undefined`. */
export function invisibleIn(text: string): string | undefined {
  const found = UNSEEN.exec(text)?.[0];
  if (found === undefined) return undefined;
  const code = found.codePointAt(0) ?? 0;
  const name = found === ' ' ? 'a space' : `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return `must not hold white space, control or invisible characters, and holds ${name}`;
}

/** The text in double quotes, as JSON and YAML have it; what cannot be seen is escaped, but for the space. */
export function escaped(text: string): string {
  return JSON.stringify(text).replace(UNSEEN_BUT_SPACE, escapeOf);
}

/** The text as it is, if it can be seen; else escaped. */
export function plainOrEscaped(text: string): string {
  return text.search(UNSEEN_BUT_SPACE) < 0 ? text : escaped(text);
}

/** Whether a text in a document of JSON or YAML has to stand in double quotes, for `escapedLines`. */
export function needsQuotes(text: string): boolean {
  return text.search(UNSEEN_IN_LINES) >= 0;
}

/** A whole document of JSON or YAML. Few readers of YAML make one character of two escapes: longer ones stay. */
export function escapedLines(document: string): string {
  return document.replace(UNSEEN_IN_LINES, (found) => (found.length === 1 ? escapeOf(found) : found));
}

/** `\u200b`, and two of them for a character beyond 16 bits. */
function escapeOf(found: string): string {
  const units = Array.from({ length: found.length }, (_, i) => found.charCodeAt(i).toString(16).padStart(4, '0'));
  return units.map((unit) => `\\u${unit}`).join('');
}

/** The text in one line, with a dot in the place of what cannot be seen, but for the space. */
export function dotted(text: string): string {
  return text.replace(UNSEEN_BUT_SPACE, '.');
}

const EXCERPT_LENGTH = 80;

/** How data that cannot be understood begins, for messages: dotted, at most 80 characters. */
export function excerptOf(data: Buffer): string {
  const characters = [...dotted(data.subarray(0, EXCERPT_LENGTH * 4).toString('utf8'))];
  if (characters.length <= EXCERPT_LENGTH) return characters.join('');
  return `${characters.slice(0, EXCERPT_LENGTH - 1).join('')}…`;
}

const CONTROL = /[\0-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/;
const COLOURS_AND_CONTROLS = /\x1b\[[\d;:]*m|[\0-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/g;

/**
 * A block of lines for a terminal, UTF-8 held as a latin1 string: control characters (C0 less tab and newline, DEL, C1)
 * become visible as `\x1b`, so that output can neither move the cursor nor forge lines; nothing else is looked for, as
 * the block may be large. With `colours`, plain colour sequences (`ESC [ … m`) stay.
 */
export function escapedBlock(block: string, colours: boolean): string {
  if (!CONTROL.test(block)) return block;
  return block.replace(COLOURS_AND_CONTROLS, (found) => {
    const isColour = found.startsWith('\x1b[');
    if (isColour && colours) return found;
    const control = isColour ? 0x1b : found.charCodeAt(found.length - 1);
    return `\\x${control.toString(16).padStart(2, '0')}${isColour ? found.slice(1) : ''}`;
  });
}

/**
 * A value as it may be shown: whatever stands before an `@` and looks like `user:password` becomes `***`, and so does
 * what a PEM file holds: it may be a private key. Masks too much rather than too little: from the first word with a
 * colon to the last `@`.
 */
export function mask(value: string): string {
  return value.replace(/-----BEGIN .*?("?)$/s, '-----BEGIN ***$1').replace(/[^\s:"]*:.*@/gs, '***@');
}
