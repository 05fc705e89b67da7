/** Finds the known word that is most similar to an unknown one, for errors that end in "did you mean". */

/**
 * The word of `known` with the smallest edit distance to `word`, if that is at most a third of its length (at least 1).
 */
function suggest(word: string, known: readonly string[]): string | undefined {
  const wanted = plain(word);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, plain(candidate));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `did you mean 'x'?`, or the list of all known words if none is similar. */
export function hint(word: string, known: readonly string[]): string {
  if (known.length === 0) return 'none are known';
  const meant = suggest(word, known);
  return meant === undefined ? `known are: ${known.join(', ')}` : `did you mean '${meant}'?`;
}

/**
 * Normalises a word, so that `logLevel`, `log-level` and `log_level` are equal. Truncates to 64 characters to bound the
 * cost.
 */
function plain(word: string): string {
  return word
    .slice(0, 64)
    .toLowerCase()
    .replace(/[_\-\s]/g, '');
}

/** The edit distance: the number of letters to insert, remove, replace or swap with a neighbour. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(replace, rows[i - 1]![j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, rows[i - 2]![j - 2]! + 1);
      }
      row.push(least);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
