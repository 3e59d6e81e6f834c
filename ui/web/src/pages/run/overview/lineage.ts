/** Runs and their forks as lines of a tree. */

import type { LineageRun } from '../../../lib/api/run';

export interface LineageLine {
  run: LineageRun;
  depth: number;
}

/**
 * Depth first, forks by their steps. A run whose parent is not there is a root, and what names
 * itself in a circle is shown once.
 */
export function lineageTree(runs: readonly LineageRun[]): LineageLine[] {
  const ids = new Set(runs.map((run) => run.id));
  const below = new Map<string | null, LineageRun[]>();
  for (const run of runs) {
    const parent = run.parent !== null && ids.has(run.parent) ? run.parent : null;
    below.set(parent, [...(below.get(parent) ?? []), run]);
  }
  for (const forks of below.values()) {
    forks.sort((a, b) => (a.step ?? 0) - (b.step ?? 0) || a.created_at - b.created_at);
  }
  const lines: LineageLine[] = [];
  const seen = new Set<string>();
  const visit = (run: LineageRun, depth: number): void => {
    if (seen.has(run.id)) return;
    seen.add(run.id);
    lines.push({ run, depth });
    for (const fork of below.get(run.id) ?? []) visit(fork, depth + 1);
  };
  for (const root of below.get(null) ?? []) visit(root, 0);
  for (const run of runs) visit(run, 0);
  return lines;
}
