/** Rows arrive page by page behind cursors, whichever row is asked for first. */

import { describe, expect, it, vi } from 'vitest';
import { PAGE_ROWS, Pages, PAGES_KEPT, type PageAnswer } from '../../src/lib/grid/pages';

interface Row {
  id: string;
}

/** A server with so many rows; cursors are offsets. */
function serverWith(total: number) {
  return vi.fn((cursor: string | null, limit: number): Promise<PageAnswer<Row>> => {
    const from = Number(cursor ?? 0);
    const count = Math.max(0, Math.min(limit, total - from));
    const rows = Array.from({ length: count }, (_, index) => ({ id: `r${from + index}` }));
    const next = from + limit < total ? String(from + limit) : null;
    return Promise.resolve({ rows, total, cursor: next });
  });
}

async function opened(total: number) {
  const fetchPage = serverWith(total);
  const onload = vi.fn();
  const onfail = vi.fn();
  const pages = new Pages<Row>(fetchPage, onload, onfail);
  pages.start(await fetchPage(null, PAGE_ROWS));
  fetchPage.mockClear();
  return { pages, fetchPage, onload, onfail };
}

describe('pages', () => {
  it('ask for nothing that is there already', async () => {
    const { pages, fetchPage } = await opened(24);
    pages.want(0, 24);
    expect(fetchPage).not.toHaveBeenCalled();
    expect(pages.row(23)?.id).toBe('r23');
  });

  it('walk the cursors up to a far row', async () => {
    const { pages, fetchPage } = await opened(1_000);
    pages.want(940, 960);
    await vi.waitFor(() => expect(pages.row(950)?.id).toBe('r950'));
    expect(fetchPage).toHaveBeenCalledTimes(9);
  });

  it('drop what is far and bring it back with one request', async () => {
    const total = (PAGES_KEPT + 10) * PAGE_ROWS;
    const { pages, fetchPage } = await opened(total);
    pages.want(total - 10, total);
    await vi.waitFor(() => expect(pages.row(total - 1)).toBeDefined());
    expect(pages.row(0)).toBeUndefined();
    fetchPage.mockClear();
    pages.want(0, 10);
    await vi.waitFor(() => expect(pages.row(0)?.id).toBe('r0'));
    expect(fetchPage).toHaveBeenCalledTimes(1);
  });

  it('stop at the last page, even if the total says there is more', async () => {
    const { pages, fetchPage } = await opened(50);
    pages.total = 500;
    pages.want(300, 320);
    await Promise.resolve();
    expect(fetchPage).not.toHaveBeenCalled();
  });

  it('replace a row where it stands', async () => {
    const { pages } = await opened(10);
    const newer = { id: 'r4', changed: true };
    pages.replace(newer);
    expect(pages.row(4)).toBe(newer);
    pages.replace({ id: 'unknown' });
    expect(pages.indexOf('unknown')).toBe(-1);
  });

  it('tell of a failure and try again when asked again', async () => {
    const { pages, fetchPage, onfail } = await opened(300);
    fetchPage.mockRejectedValueOnce(new Error('gone'));
    pages.want(150, 160);
    await vi.waitFor(() => expect(onfail).toHaveBeenCalledOnce());
    pages.want(150, 160);
    await vi.waitFor(() => expect(pages.row(150)).toBeDefined());
  });

  it('are silent once stopped', async () => {
    const { pages, onload } = await opened(300);
    pages.want(150, 160);
    pages.stop();
    await new Promise((resolve) => setTimeout(resolve));
    expect(onload).not.toHaveBeenCalled();
  });
});
