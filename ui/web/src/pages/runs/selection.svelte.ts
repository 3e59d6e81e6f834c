/**
 * Which runs are selected: some by their ids, or all that match but some.
 */

import { SvelteSet } from 'svelte/reactivity';
import { RUNS_MAX, searchTable } from '../../lib/api/tables';
import type { Sort } from '../../lib/api/types';

/** Runs that a query may name one by one: it has at most 4,096 characters. */
export const QUERIED_MAX = 150;

/** What "all" means: the query in force, and how many runs match it. */
export interface Whole {
  query: string;
  total: number;
}

export class Selection {
  /** Selected; of all that match: left out. */
  private readonly ids = new SvelteSet<string>();
  private whole = $state.raw<Whole | null>(null);
  /** Where a stretch selected with shift begins, or -1. */
  anchor = -1;

  has(id: string): boolean {
    return this.ids.has(id) !== (this.whole !== null);
  }

  get count(): number {
    return this.whole === null ? this.ids.size : this.whole.total - this.ids.size;
  }

  get isAll(): boolean {
    return this.whole !== null;
  }

  /** The selected runs as a query, where no list of ids is needed; null otherwise. */
  get query(): string | null {
    return this.whole !== null && this.ids.size === 0 ? this.whole.query : null;
  }

  toggle(id: string): void {
    if (!this.ids.delete(id)) this.ids.add(id);
  }

  set(ids: readonly string[], selected: boolean): void {
    for (const id of ids) if (this.has(id) !== selected) this.toggle(id);
  }

  only(ids: readonly string[]): void {
    this.clear();
    for (const id of ids) this.ids.add(id);
  }

  all(whole: Whole): void {
    this.ids.clear();
    this.whole = whole;
  }

  clear(): void {
    this.ids.clear();
    this.whole = null;
  }

  /** The ids of at most `most` selected runs; of all that match they are asked for. */
  async list(most = Number.POSITIVE_INFINITY, heard?: (read: number) => void): Promise<string[]> {
    if (this.whole === null) return [...this.ids].slice(0, most);
    const upTo = Math.min(most + this.ids.size, this.whole.total);
    const found = await idsOf(this.whole.query, [], 0, upTo, heard);
    return found.filter((id) => !this.ids.has(id)).slice(0, most);
  }
}

/** The ids of runs `first` up to `last` of a list, in its order; `heard` is told how many. */
export async function idsOf(
  query: string,
  sort: Sort[],
  first: number,
  last: number,
  heard?: (read: number) => void,
): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  while (ids.length < last - first) {
    const limit = Math.min(RUNS_MAX, last - first - ids.length);
    const answer: Awaited<ReturnType<typeof searchTable>> = await searchTable({
      query, sort, cursor, limit, offset: cursor === null ? first : 0,
      group: null, columns: [], metrics: [],
    });
    ids.push(...answer.rows.map((run) => run.id));
    heard?.(ids.length);
    cursor = answer.cursor;
    if (cursor === null || answer.rows.length === 0) break;
  }
  return ids;
}
