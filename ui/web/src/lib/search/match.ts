/** How well a few typed letters fit a name. */

/** At the start of the name, at the start of one of its words, anywhere. */
const WEIGHTS = { start: 3, word: 2, inside: 1 } as const;

/**
 * The better the higher, or null if a typed word is nowhere. Every word has to be found; order and
 * case don't count.
 */
export function matchScore(name: string, typed: string): number | null {
  const text = name.toLowerCase();
  let score = 0;
  for (const word of typed.toLowerCase().split(/\s+/).filter(Boolean)) {
    const best = wordScore(text, word);
    if (best === null) return null;
    score += best;
  }
  // Of two names that fit, the shorter one has less that was not meant.
  return score - name.length / 1_000;
}

function wordScore(text: string, word: string): number | null {
  if (text.startsWith(word)) return WEIGHTS.start;
  let at = text.indexOf(word);
  if (at < 0) return null;
  for (; at >= 0; at = text.indexOf(word, at + 1)) {
    if (!/[\p{L}\p{N}]/u.test(text[at - 1] ?? ' ')) return WEIGHTS.word;
  }
  return WEIGHTS.inside;
}

/** The best of a list, the best first; equals stay in their order. */
export function bestMatches<T>(
  list: readonly T[],
  typed: string,
  nameOf: (one: T) => string,
  limit: number,
): T[] {
  return list
    .map((one, index) => ({ one, index, score: matchScore(nameOf(one), typed) }))
    .filter((found): found is { one: T; index: number; score: number } => found.score !== null)
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, limit)
    .map((found) => found.one);
}
