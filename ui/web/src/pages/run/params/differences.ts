/** What two runs were told differently. */

import type { Json } from '../../../lib/api/types';
import { idOf, type Leaf } from './leaves';

export type Difference = 'same' | 'changed' | 'mine' | 'theirs';

export interface Pair {
  path: string[];
  /** Undefined where the run has no such param. */
  mine: Leaf | undefined;
  theirs: Leaf | undefined;
  difference: Difference;
}

function isSame(one: Json, other: Json): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

function differenceOf(mine: Leaf | undefined, theirs: Leaf | undefined): Difference {
  if (mine === undefined) return 'theirs';
  if (theirs === undefined) return 'mine';
  // Of long values only the beginning is here: with other sizes they differ for sure.
  if (mine.cut || theirs.cut) return mine.size === theirs.size ? 'same' : 'changed';
  return isSame(mine.value, theirs.value) ? 'same' : 'changed';
}

/** In the order of the first run's params; those that only the other has stand behind. */
export function pairs(mine: readonly Leaf[], theirs: readonly Leaf[]): Pair[] {
  const others = new Map(theirs.map((leaf) => [idOf(leaf.path), leaf]));
  const found = mine.map((leaf): Pair => {
    const id = idOf(leaf.path);
    const other = others.get(id);
    others.delete(id);
    return { path: leaf.path, mine: leaf, theirs: other, difference: differenceOf(leaf, other) };
  });
  for (const leaf of others.values()) {
    found.push({ path: leaf.path, mine: undefined, theirs: leaf, difference: 'theirs' });
  }
  return found;
}
