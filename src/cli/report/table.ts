/** Lines of text in columns. A cell is as wide as it has characters. */
export function align(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(0, ...rows.map(({ length }) => length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(0, ...rows.map((cells) => [...(cells[column] ?? '')].length)),
  );
  const pad = (cell: string, column: number): string =>
    cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - [...cell].length));
  return rows.map((cells) => cells.map(pad).join('  ').trimEnd());
}

/** Names come from other hosts: nothing in them may steer the terminal or break the line. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '.');
}
