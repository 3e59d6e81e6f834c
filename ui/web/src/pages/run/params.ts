/** A run's nested settings as lines of a tree. */

import type { Json, Params } from '../../lib/api/types';
import { formatSetting } from '../../lib/format/number';

export interface ParamLine {
  /** Dotted, unique within the run. */
  path: string;
  key: string;
  depth: number;
  /** Null for a branch, whose lines follow. */
  text: string | null;
  kind: 'branch' | 'number' | 'text' | 'word';
  /** Leaves below a branch. */
  leaves: number;
}

function isBranch(value: Json): value is Params {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function kindOf(value: Json): ParamLine['kind'] {
  if (typeof value === 'number') return 'number';
  if (typeof value === 'boolean' || value === null) return 'word';
  return 'text';
}

/** Depth first, in the order in which the settings were given. Closed branches keep their line. */
export function paramLines(
  params: Params,
  closed: ReadonlySet<string>,
  prefix = '',
  depth = 0,
): ParamLine[] {
  return Object.entries(params).flatMap(([key, value]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    if (!isBranch(value)) {
      const text = formatSetting(value);
      return [{ path, key, depth, text, kind: kindOf(value), leaves: 1 }];
    }
    const inner = paramLines(value, new Set(), path, depth + 1);
    const leaves = inner.filter((line) => line.kind !== 'branch').length;
    const branch: ParamLine = { path, key, depth, text: null, kind: 'branch', leaves };
    return closed.has(path) ? [branch] : [branch, ...paramLines(value, closed, path, depth + 1)];
  });
}

/** Lines whose path or value holds every word, with no branches: a flat list to pick from. */
export function foundLines(params: Params, search: string): ParamLine[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return paramLines(params, new Set())
    .filter((line) => line.kind !== 'branch')
    .filter((line) => {
      const text = `${line.path} ${line.text ?? ''}`.toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .map((line) => ({ ...line, key: line.path, depth: 0 }));
}
