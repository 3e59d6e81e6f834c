/** The rows of the list of params: a tree, a flat list, or two runs side by side. */

import { holdsWords } from '../words';
import type { Pair } from './differences';
import {
  dotted, idOf, leafText, treeLines, type BranchLine, type Leaf, type LeafLine,
} from './leaves';

export interface PairRow {
  kind: 'pair';
  id: string;
  key: string;
  depth: number;
  pair: Pair;
}

export type Row = BranchLine | LeafLine | PairRow;

export interface RowsAsked {
  found: readonly Leaf[];
  compared: readonly Pair[];
  search: string;
  flat: boolean;
  /** Also pairs that are the same. */
  all: boolean;
  vs: boolean;
  closed: ReadonlySet<string>;
}

function pairRows({ compared, search, all }: RowsAsked): PairRow[] {
  const text = (leaf: Leaf | undefined): string => (leaf === undefined ? '' : leafText(leaf));
  return compared
    .filter((pair) => all || pair.difference !== 'same')
    .filter(({ path, mine, theirs }) =>
      holdsWords(`${dotted(path)} ${text(mine)} ${text(theirs)}`, search),
    )
    .map((pair) => ({
      kind: 'pair', id: idOf(pair.path), key: dotted(pair.path), depth: 0, pair,
    }));
}

/** What is found by words is listed flat: a tree would hide how few it is. */
export function rowsOf(asked: RowsAsked): readonly Row[] {
  if (asked.vs) return pairRows(asked);
  if (!asked.flat && asked.search.trim() === '') return treeLines(asked.found, asked.closed);
  return asked.found.map((leaf) => ({
    kind: 'leaf', id: idOf(leaf.path), key: dotted(leaf.path), depth: 0, leaf,
  }));
}
