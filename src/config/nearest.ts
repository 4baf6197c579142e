/** Edits between two words, swaps of neighbours included (optimal string alignment, Damerau 1964). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/**
 * The known word that `word` was probably meant to be: the one with the fewest edits, compared without regard to case
 * and to `-` or `_`, if they are at most a third of its length (or the word begins it); `undefined` when nothing is
 * near.
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replace(/[-_]/g, '');
  const wanted = plain(word);
  let best: string | undefined;
  let fewest = Infinity;
  for (const candidate of known) {
    const name = plain(candidate);
    const begins = wanted.length >= 3 && name.startsWith(wanted);
    const edits = begins ? Math.min(1, name.length - wanted.length) : distance(wanted, name);
    if (edits < fewest && edits <= Math.max(1, Math.floor(name.length / 3))) {
      best = candidate;
      fewest = edits;
    }
  }
  return best;
}

/** ` (did you mean X?)`, or nothing. `write` turns the known word into what the reader would type. */
export function didYouMean(
  word: string,
  known: Iterable<string>,
  write: (name: string) => string = (name) => name,
): string {
  const name = nearest(word, known);
  return name === undefined ? '' : ` (did you mean ${write(name)}?)`;
}
