/** Files of a run's code as lines of a tree. */

import type { StoredFile } from '../../../lib/api/run';
import { literal } from '../../../lib/query/literal';
import { holdsWords } from '../words';

export interface FileLine {
  /** Unique: of a folder with a slash at its end. */
  path: string;
  name: string;
  depth: number;
  /** Null for a folder, whose files follow. */
  file: StoredFile | null;
}

/** Files by their folders, in the order of their paths; those whose path has all words. */
export function fileTree(files: readonly StoredFile[], filter: string): FileLine[] {
  const lines: FileLine[] = [];
  let open: string[] = [];
  const sorted = files
    .filter((file) => holdsWords(file.path, filter))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const file of sorted) {
    const parts = file.path.split('/');
    const name = parts.pop() ?? file.path;
    let same = 0;
    while (same < parts.length && parts[same] === open[same]) same++;
    for (let depth = same; depth < parts.length; depth++) {
      const path = `${parts.slice(0, depth + 1).join('/')}/`;
      lines.push({ path, name: parts[depth] ?? '', depth, file: null });
    }
    open = parts;
    lines.push({ path: file.path, name, depth: parts.length, file });
  }
  return lines;
}

/** The search page's question about the code of one run, to be finished there. */
export function searchQuery(id: string): string {
  return new URLSearchParams({ query: `run.id == ${literal(id)}`, q: 'in:code ' }).toString();
}
