/**
 * Rows of an answer of any length.
 *
 * Pages are fetched one after the other and dropped when they are far away.
 */

export interface PageAnswer<Row> {
  rows: Row[];
  total: number;
  /** Where the next page starts; null after the last one. */
  cursor: string | null;
}

export type FetchPage<Row> = (cursor: string | null, limit: number) => Promise<PageAnswer<Row>>;

/** Rows per request: a few screens, about 200 KB with four metrics each. */
export const PAGE_ROWS = 100;
/** Pages kept in memory, the wanted ones and their neighbours. */
export const PAGES_KEPT = 40;

/**
 * The server hands out cursors, no offsets: a page can be fetched once the one before it was seen.
 * Cursors are kept for good, so that a page that was dropped comes back with one request.
 */
export class Pages<Row extends { id: string }> {
  /** Rows in the whole answer. */
  total = 0;

  private readonly fetchPage: FetchPage<Row>;
  private readonly onload: () => void;
  private readonly onfail: (reason: unknown) => void;
  private readonly pages = new Map<number, Row[]>();
  private readonly places = new Map<string, number>();
  private readonly cursors: (string | null)[] = [null];
  private wantedFirst = 0;
  private wantedLast = 0;
  private walking = false;
  private stopped = false;

  constructor(
    fetchPage: FetchPage<Row>,
    onload: () => void,
    onfail: (reason: unknown) => void,
  ) {
    this.fetchPage = fetchPage;
    this.onload = onload;
    this.onfail = onfail;
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
    const lastRow = Math.min(this.wantedLast, this.total - 1);
    const lastPage = Math.floor(lastRow / PAGE_ROWS);
    for (let page = Math.floor(this.wantedFirst / PAGE_ROWS); page <= lastPage; page++) {
      if (this.pages.has(page)) continue;
      // An unknown cursor means walking up to it from the last one known. Where that page is here
      // already, it was the last: the total grew since, and only a new answer can tell.
      const next = Math.min(page, this.cursors.length - 1);
      return this.pages.has(next) ? null : next;
    }
    return null;
  }

  private async walk(): Promise<void> {
    this.walking = true;
    try {
      for (let page = this.nextMissing(); page !== null; page = this.nextMissing()) {
        const cursor = this.cursors[page] ?? null;
        if (page > 0 && cursor === null) break;
        const answer = await this.fetchPage(cursor, PAGE_ROWS);
        if (this.stopped) return;
        this.accept(page, answer);
        this.onload();
      }
    } catch (reason) {
      if (!this.stopped) this.onfail(reason);
    } finally {
      this.walking = false;
    }
  }

  private accept(page: number, answer: PageAnswer<Row>): void {
    this.total = answer.total;
    this.pages.set(page, answer.rows);
    answer.rows.forEach((row, offset) => this.places.set(row.id, page * PAGE_ROWS + offset));
    if (answer.cursor !== null || page + 1 < this.cursors.length) {
      this.cursors[page + 1] = answer.cursor;
    }
    this.dropFar();
  }

  private dropFar(): void {
    if (this.pages.size <= PAGES_KEPT) return;
    const middle = (this.wantedFirst + this.wantedLast) / 2 / PAGE_ROWS;
    const far = [...this.pages.keys()].sort((a, b) => Math.abs(b - middle) - Math.abs(a - middle));
    const page = far[0];
    if (page === undefined) return;
    for (const row of this.pages.get(page) ?? []) this.places.delete(row.id);
    this.pages.delete(page);
  }
}
