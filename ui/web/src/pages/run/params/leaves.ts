/** A run's nested settings as leaves, and leaves as lines of a tree. */

import type { ParamRow } from '../../../lib/api/run';
import type { Json, Params } from '../../../lib/api/types';
import { formatSetting } from '../../../lib/format/number';
import { holdsWords } from '../words';

export type Leaf = ParamRow;

export type ValueKind = 'number' | 'text' | 'word' | 'list';

export interface BranchLine {
  kind: 'branch';
  /** Unique within the run. */
  id: string;
  key: string;
  path: readonly string[];
  depth: number;
  open: boolean;
  /** Leaves below it. */
  leaves: number;
}

export interface LeafLine {
  kind: 'leaf';
  id: string;
  key: string;
  depth: number;
  leaf: Leaf;
}

export type TreeLine = BranchLine | LeafLine;

/** Between the keys of an id: no key of a script holds it. */
const BETWEEN = '\u0000';

export function idOf(path: readonly string[]): string {
  return path.join(BETWEEN);
}

/** How a path is written, and how a query asks for it. */
export function dotted(path: readonly string[]): string {
  return path.join('.');
}

export function isBranch(value: Json | undefined): value is Params {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** Depth first, in the order in which the settings were given. An empty branch is a leaf. */
export function leavesOf(params: Params, prefix: readonly string[] = []): Leaf[] {
  return Object.entries(params).flatMap(([key, value]) => {
    const path = [...prefix, key];
    if (isBranch(value) && Object.keys(value).length > 0) return leavesOf(value, path);
    return [{ path, value, cut: false, size: 0 }];
  });
}

export function leafCount(params: Params): number {
  return Object.values(params).reduce<number>(
    (sum, value) => sum + (isBranch(value) ? Math.max(1, leafCount(value)) : 1),
    0,
  );
}

export function kindOf(value: Json): ValueKind {
  if (typeof value === 'number') return 'number';
  if (typeof value === 'boolean' || value === null) return 'word';
  return typeof value === 'string' ? 'text' : 'list';
}

/** A value on one line; what is cut says so by its end. */
export function leafText(leaf: Pick<Leaf, 'value' | 'cut'>): string {
  if (!leaf.cut) return formatSetting(leaf.value);
  return typeof leaf.value === 'string' ? `${leaf.value}…` : '…';
}

/** Leaves as a tree; below a closed branch nothing is shown. */
export function treeLines(leaves: readonly Leaf[], closed: ReadonlySet<string>): TreeLine[] {
  const lines: TreeLine[] = [];
  const branches: BranchLine[] = [];
  let hidden = 0; // the depth of the closed branch we are in, or 0
  for (const leaf of leaves) {
    const parents = leaf.path.slice(0, -1);
    let same = 0;
    while (same < parents.length && branches[same]?.key === parents[same]) same++;
    branches.length = same;
    if (hidden > same) hidden = 0;
    for (let depth = same; depth < parents.length; depth++) {
      const path = parents.slice(0, depth + 1);
      const id = idOf(path);
      const branch: BranchLine = {
        kind: 'branch', id, key: parents[depth]!, path, depth, open: !closed.has(id), leaves: 0,
      };
      branches.push(branch);
      if (hidden > 0) continue;
      lines.push(branch);
      if (!branch.open) hidden = depth + 1;
    }
    for (const branch of branches) branch.leaves++;
    if (hidden > 0) continue;
    const { path } = leaf;
    const depth = path.length - 1;
    lines.push({ kind: 'leaf', id: idOf(path), key: path.at(-1) ?? '', depth, leaf });
  }
  return lines;
}

/** Leaves whose path or value holds every word. */
export function foundLeaves(leaves: readonly Leaf[], search: string): readonly Leaf[] {
  if (search.trim() === '') return leaves;
  return leaves.filter((leaf) => holdsWords(`${dotted(leaf.path)} ${leafText(leaf)}`, search));
}

/** Leaves as the tree that they were given as. */
export function nested(leaves: readonly Leaf[]): Params {
  const root: Params = {};
  for (const { path, value } of leaves) {
    let branch = root;
    for (const key of path.slice(0, -1)) {
      // "__proto__" is a key like any other.
      const below = Object.hasOwn(branch, key) ? branch[key] : undefined;
      if (isBranch(below)) {
        branch = below;
        continue;
      }
      const made: Params = {};
      put(branch, key, made);
      branch = made;
    }
    put(branch, path.at(-1) ?? '', value);
  }
  return root;
}

function put(branch: Params, key: string, value: Json): void {
  Object.defineProperty(branch, key, {
    value, enumerable: true, configurable: true, writable: true,
  });
}
