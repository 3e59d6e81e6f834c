/**
 * Runs in an order: all that match, or the members of one group.
 */

import { searchTable, type OneGroup, type TableResponse } from '../../lib/api/tables';
import type { Sort } from '../../lib/api/types';
import { Pages, type PageStart } from '../../lib/grid/pages';
import type { RunRow } from '../../lib/grid/rows';
import { oneRequest, rowFrom, type Wanted } from './wanted';

export interface ListOptions {
  query: string;
  sort: Sort[];
  group: OneGroup | null;
  /** What to ask of each row, as of now. */
  wanted: () => Wanted;
  signal: AbortSignal;
  onload: () => void;
  onfail: (reason: unknown) => void;
}

export interface Listed {
  rows: RunRow[];
  total: number;
  cursor: string | null;
  warnings: string[];
}

export class RunList extends Pages<RunRow> {
  private readonly asked: ListOptions;

  constructor(asked: ListOptions) {
    super({
      fetch: (start, limit) => this.read(start, limit),
      onload: asked.onload,
      onfail: asked.onfail,
      jumps: true,
    });
    this.asked = asked;
  }

  /** One stretch of the list, with what is wanted of each run. */
  async read(start: PageStart, limit: number): Promise<Listed> {
    const wants = oneRequest(this.asked.wanted());
    const answer: TableResponse = await searchTable(
      {
        query: this.asked.query,
        sort: this.asked.sort,
        group: this.asked.group,
        cursor: start.cursor,
        offset: start.cursor === null ? start.offset : 0,
        limit,
        columns: wants.words,
        metrics: wants.curves.map(({ metric }) => metric),
      },
      this.asked.signal,
    );
    return { ...answer, rows: answer.rows.map((row) => rowFrom(row, wants)) };
  }
}
