/**
 * Rows of an answer of any length.
 *
 * Pages are fetched as they are wanted and dropped when they are far away.
 */

export interface PageAnswer<Row> {
  rows: Row[];
  total: number;
  /** Where the next page starts; null after the last one. */
  cursor: string | null;
}

/** Where a page starts: behind a row, or, where that was never seen, so many rows from the top. */
export interface PageStart {
  cursor: string | null;
  offset: number;
}

export type FetchPage<Row> = (start: PageStart, limit: number) => Promise<PageAnswer<Row>>;

/** Rows per request: a few screens, some tens of KB with twenty cells each. */
export const PAGE_ROWS = 100;
/** Pages kept in memory, the wanted ones and their neighbours. */
export const PAGES_KEPT = 40;

export interface PagesOptions<Row> {
  fetch: FetchPage<Row>;
  onload: () => void;
  onfail: (reason: unknown) => void;
  /** Whether a page can be had by its offset; if not, all pages before it are walked through. */
  jumps: boolean;
}

/**
 * A page that follows one that was seen starts behind its last row, whatever came or went
 * meanwhile: so nothing is shown twice, and nothing is missed, while one scrolls. Cursors are kept
 * for good, so that a page that was dropped comes back as it was.
 */
export class Pages<Row extends { id: string }> {
  /** Rows in the whole answer. */
  total = 0;

  private readonly options: PagesOptions<Row>;
  private readonly pages = new Map<number, Row[]>();
  private readonly places = new Map<string, number>();
  private readonly cursors = new Map<number, string | null>([[0, null]]);
  private wantedFirst = 0;
  private wantedLast = 0;
  private walking = false;
  private stopped = false;

  constructor(options: PagesOptions<Row>) {
    this.options = options;
  }

  /** Undefined while its page is on the way. */
  row(index: number): Row | undefined {
    return this.pages.get(Math.floor(index / PAGE_ROWS))?.[index % PAGE_ROWS];
  }

  /** Where a loaded row stands, or -1. */
  indexOf(id: string): number {
    return this.places.get(id) ?? -1;
  }

  /** Puts a newer state of a loaded row in its place; the order stays as it is. */
  replace(row: Row): void {
    const index = this.indexOf(row.id);
    const page = this.pages.get(Math.floor(index / PAGE_ROWS));
    if (page !== undefined) page[index % PAGE_ROWS] = row;
  }

  /** Takes the first page from an answer that is at hand already. */
  start(answer: PageAnswer<Row>): void {
    this.accept(0, answer);
  }

  /** Fetches what is missing of these rows. */
  want(first: number, last: number): void {
    this.wantedFirst = first;
    this.wantedLast = last;
    if (!this.walking) void this.walk();
  }

  /** Answers still on the way are ignored from now on. */
  stop(): void {
    this.stopped = true;
  }

  private nextMissing(): number | null {
    const lastRow = Math.min(this.wantedLast, this.total) - 1;
    const lastPage = Math.floor(lastRow / PAGE_ROWS);
    for (let page = Math.floor(this.wantedFirst / PAGE_ROWS); page <= lastPage; page++) {
      if (this.pages.has(page)) continue;
      if (this.options.jumps || this.cursors.has(page)) return page;
      const known = Math.max(...this.cursors.keys());
      // Where that page is here already, it was the last: only a new answer can tell of more.
      return this.pages.has(known) ? null : known;
    }
    return null;
  }

  private async walk(): Promise<void> {
    this.walking = true;
    try {
      for (let page = this.nextMissing(); page !== null; page = this.nextMissing()) {
        const start = { cursor: this.cursors.get(page) ?? null, offset: page * PAGE_ROWS };
        const answer = await this.options.fetch(start, PAGE_ROWS);
        if (this.stopped) return;
        this.accept(page, answer);
        this.options.onload();
      }
    } catch (reason) {
      if (!this.stopped) this.options.onfail(reason);
    } finally {
      this.walking = false;
    }
  }

  private accept(page: number, answer: PageAnswer<Row>): void {
    this.total = answer.total;
    this.pages.set(page, answer.rows);
    answer.rows.forEach((row, offset) => this.places.set(row.id, page * PAGE_ROWS + offset));
    if (answer.cursor !== null) this.cursors.set(page + 1, answer.cursor);
    this.dropFar();
  }

  private dropFar(): void {
    if (this.pages.size <= PAGES_KEPT) return;
    const [first, last] = [this.wantedFirst / PAGE_ROWS, this.wantedLast / PAGE_ROWS];
    const middle = (first + last) / 2;
    const far = [...this.pages.keys()].sort((a, b) => Math.abs(b - middle) - Math.abs(a - middle));
    const page = far[0];
    // What is wanted would be fetched again at once, and something else dropped for it.
    if (page === undefined || (page >= Math.floor(first) && page < last)) return;
    for (const row of this.pages.get(page) ?? []) this.places.delete(row.id);
    this.pages.delete(page);
  }
}
