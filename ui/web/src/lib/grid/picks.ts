/**
 * The layout of the table as the address has it.
 *
 * One token for each column, in their order: its word, and before it what differs from the usual.
 */

/** A column as somebody wants it. */
export interface Pick {
  /** The column's word; of a small curve it ends in ".curve", which no query knows. */
  id: string;
  /** Stays at the left while the others scroll. */
  pinned?: boolean;
  /** CSS pixels; the table finds one that fits if it is missing. */
  width?: number;
  /** A bar behind the number shows how large it is among all runs that match. */
  bar?: boolean;
}

/** Widths that somebody can drag a column to. */
export const WIDTH_MIN = 48;
export const WIDTH_MAX = 1_200;

/** "p140~run.name": flags and width before the first "~"; a word never begins like that. */
const TOKEN = /^([pb]*)(\d{0,5})~(.+)$/s;

export function formatPick(pick: Pick): string {
  const flags = `${pick.pinned ? 'p' : ''}${pick.bar ? 'b' : ''}`;
  const width = pick.width === undefined ? '' : String(Math.round(pick.width));
  return flags === '' && width === '' ? pick.id : `${flags}${width}~${pick.id}`;
}

/** Null for what no column is called. */
export function parsePick(text: string): Pick | null {
  const token = TOKEN.exec(text);
  const id = token?.[3] ?? text;
  if (id === '') return null;
  const pick: Pick = { id };
  if (token?.[1]?.includes('p')) pick.pinned = true;
  if (token?.[1]?.includes('b')) pick.bar = true;
  const width = Number(token?.[2] ?? '');
  if (width > 0) pick.width = Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, width));
  return pick;
}

/** The columns of an address, each once. */
export function parsePicks(texts: readonly string[]): Pick[] {
  const picks = new Map<string, Pick>();
  for (const text of texts) {
    const pick = parsePick(text);
    if (pick !== null && !picks.has(pick.id)) picks.set(pick.id, pick);
  }
  return [...picks.values()];
}

/** Pinned ones first, which is where they are shown. */
export function ordered(picks: readonly Pick[]): Pick[] {
  return [...picks.filter((pick) => pick.pinned), ...picks.filter((pick) => !pick.pinned)];
}

/** The columns with one of them at another place; across the edge it is pinned or let go. */
export function moved(picks: readonly Pick[], id: string, to: number): Pick[] {
  const pick = picks.find((one) => one.id === id);
  if (pick === undefined) return [...picks];
  const rest = picks.filter((one) => one !== pick);
  const place = Math.min(rest.length, Math.max(0, to));
  const pins = rest.filter((one) => one.pinned).length;
  const pinned = place < pins || (place === pins && pick.pinned === true);
  return [...rest.slice(0, place), { ...pick, pinned }, ...rest.slice(place)];
}
