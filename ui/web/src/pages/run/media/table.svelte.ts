/** A tracked table, page by page; its bytes are described in VALUES.md of the tracker. */

import type { Value } from '../../../lib/api/run';
import { blobJson, valueJson } from './bytes';

export interface Column {
  name: string;
  type: string;
}

export type Cell = null | string | number | boolean | { blob: string; media_type: string };

interface Index {
  columns: Column[];
  rows: number;
  page_rows: number;
  page?: Cell[][];
  pages?: string[];
}

export class TablePages {
  columns = $state.raw<readonly Column[]>([]);
  rows = $state(0);
  /** Columns of cells, by page. */
  private came = $state.raw<ReadonlyMap<number, Cell[][]>>(new Map());
  private index: Index | null = null;
  private readonly asked = new Set<number>();

  async open(value: Value, signal: AbortSignal): Promise<void> {
    const index = await valueJson<Index>(value, signal);
    this.index = index;
    this.asked.clear();
    this.came = index.page === undefined ? new Map() : new Map([[0, index.page]]);
    this.columns = index.columns;
    this.rows = index.rows;
  }

  /** The cells of a row, or null while its page is on its way. */
  row(number: number): Cell[] | null {
    const { index } = this;
    if (index === null) return null;
    const page = Math.floor(number / index.page_rows);
    const columns = this.came.get(page);
    if (columns === undefined) {
      this.ask(page);
      return null;
    }
    const at = number - page * index.page_rows;
    return columns.map((column) => column[at] ?? null);
  }

  private ask(page: number): void {
    const blob = this.index?.pages?.[page];
    if (blob === undefined || this.asked.has(page)) return;
    this.asked.add(page);
    const index = this.index;
    // While a row is drawn nothing may change: the page comes later in any case.
    blobJson<Cell[][]>(blob).then(
      (columns) => {
        if (index === this.index) this.came = new Map([...this.came, [page, columns]]);
      },
      () => this.asked.delete(page),
    );
  }
}
