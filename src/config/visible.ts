/** Characters that nobody sees: two values that differ in one of them look the same. */

/** White space, control and format characters, fillers and variation selectors of Unicode, and the blank of Braille. */
const INVISIBLE = /[\p{White_Space}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u{2800}]/u;

const ESCAPED = new RegExp(`(?! )${INVISIBLE.source}`, 'gu');

/** Why the text is refused where it must be plain to see, or `undefined`. */
export function invisibleIn(text: string): string | undefined {
  const found = INVISIBLE.exec(text)?.[0];
  if (found === undefined) return undefined;
  const code = found.codePointAt(0) ?? 0;
  const name = found === ' ' ? 'a space' : `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return `must not hold white space, control or invisible characters, and holds ${name}`;
}

/** Whether `escaped` shows more than the text itself. */
export function needsEscape(text: string): boolean {
  return text.search(ESCAPED) >= 0;
}

/** The text in double quotes, as JSON and YAML have it; what cannot be seen is escaped, but for the space. */
export function escaped(text: string): string {
  const units = (found: string): string =>
    found
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join('');
  return JSON.stringify(text).replace(ESCAPED, units);
}
