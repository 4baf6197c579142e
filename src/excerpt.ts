const EXCERPT_LENGTH = 80;

/** How data that cannot be understood begins, for messages: printable, at most 80 characters. */
export function excerptOf(data: Buffer): string {
  const text = data.subarray(0, EXCERPT_LENGTH * 4).toString('utf8');
  // Controls, format characters (right-to-left marks among them), unassigned code points and odd spaces could disturb a
  // terminal.
  const printable = [...text].map((char) => (/[\p{C}\p{Zl}\p{Zp}]/u.test(char) ? '.' : char));
  return printable.length > EXCERPT_LENGTH ? `${printable.slice(0, EXCERPT_LENGTH - 1).join('')}…` : printable.join('');
}
