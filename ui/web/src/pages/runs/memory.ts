/**
 * The place one left in the table.
 *
 * The way back from a run leads to the same row.
 */

interface Place {
  /** Query and order: another list has other places. */
  list: string;
  active: number;
  scrollTop: number;
}

let left: Place | null = null;

export function leavePlace(place: Place): void {
  left = place;
}

/** The place in this list, once. */
export function returnTo(list: string): Place | null {
  const place = left?.list === list ? left : null;
  left = null;
  return place;
}
