/** Ranges of a text that are to stand out. */

/** Characters [start, end). */
export type Range = readonly [number, number];

/** A part of a text, with whatever it is to look like. */
interface Part {
  readonly text: string;
}

/** The same, and which range it is of, or null. */
export type Marked<T extends Part> = T & { readonly mark: number | null };

/** Where a text is found in another one, whatever the case. At most `max` of them. */
export function findAll(text: string, wanted: string, max = 1_000): Range[] {
  if (wanted === '') return [];
  const found: Range[] = [];
  const low = text.toLowerCase();
  const word = wanted.toLowerCase();
  for (let at = low.indexOf(word); at >= 0; at = low.indexOf(word, at + word.length)) {
    found.push([at, at + word.length]);
    if (found.length >= max) break;
  }
  return found;
}

/** Cuts spans at the borders of ranges, which come in order and do not overlap. */
export function markedSpans<T extends Part>(
  spans: readonly T[],
  ranges: readonly Range[],
): Marked<T>[] {
  if (ranges.length === 0) return spans.map((span) => ({ ...span, mark: null }));
  const parts: Marked<T>[] = [];
  let place = 0;
  let next = 0;
  for (const span of spans) {
    const end = place + span.text.length;
    let at = place;
    while (at < end) {
      while (next < ranges.length && ranges[next]![1] <= at) next++;
      const range = ranges[next];
      const inside = range !== undefined && range[0] <= at;
      const until = Math.min(end, inside ? range[1] : (range?.[0] ?? end));
      const text = span.text.slice(at - place, until - place);
      parts.push({ ...span, text, mark: inside ? next : null });
      at = until;
    }
    place = end;
  }
  return parts;
}
