/** Finding by words, in any order and whatever their case. */

/** Whether a text holds every word of a search; nothing is held by everything. */
export function holdsWords(text: string, search: string): boolean {
  const low = text.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => low.includes(word));
}
