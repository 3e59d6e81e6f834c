/** Rows arrive page by page, behind cursors or by their offsets. */

import { describe, expect, it, vi } from 'vitest';
import {
  PAGE_ROWS,
  Pages,
  PAGES_KEPT,
  type PageAnswer,
  type PageStart,
} from '../../src/lib/grid/pages';

interface Row {
  id: string;
}

/** A server with so many rows; cursors are offsets. */
function serverWith(total: number) {
  return vi.fn((start: PageStart, limit: number): Promise<PageAnswer<Row>> => {
    const from = start.cursor === null ? start.offset : Number(start.cursor);
    const count = Math.max(0, Math.min(limit, total - from));
    const rows = Array.from({ length: count }, (_, index) => ({ id: `r${from + index}` }));
    const next = from + limit < total ? String(from + limit) : null;
    return Promise.resolve({ rows, total, cursor: next });
  });
}

async function opened(total: number, jumps = true) {
  const fetch = serverWith(total);
  const onload = vi.fn();
  const onfail = vi.fn();
  const pages = new Pages<Row>({ fetch, onload, onfail, jumps });
  pages.start(await fetch({ cursor: null, offset: 0 }, PAGE_ROWS));
  fetch.mockClear();
  return { pages, fetch, onload, onfail };
}

describe('pages', () => {
  it('ask for nothing that is there already', async () => {
    const { pages, fetch } = await opened(24);
    pages.want(0, 24);
    expect(fetch).not.toHaveBeenCalled();
    expect(pages.row(23)?.id).toBe('r23');
  });

  it('jump to a far row, and go on behind what they found there', async () => {
    const { pages, fetch } = await opened(100_000);
    pages.want(94_210, 94_240);
    await vi.waitFor(() => expect(pages.row(94_230)?.id).toBe('r94230'));
    expect(fetch).toHaveBeenCalledExactlyOnceWith({ cursor: null, offset: 94_200 }, PAGE_ROWS);
    pages.want(94_290, 94_310);
    await vi.waitFor(() => expect(pages.row(94_305)).toBeDefined());
    expect(fetch).toHaveBeenLastCalledWith({ cursor: '94300', offset: 94_300 }, PAGE_ROWS);
  });

  it('walk up to a far row where nobody can jump', async () => {
    const { pages, fetch } = await opened(1_000, false);
    pages.want(940, 960);
    await vi.waitFor(() => expect(pages.row(950)?.id).toBe('r950'));
    expect(fetch).toHaveBeenCalledTimes(9);
  });

  it('drop what is far and bring it back with one request', async () => {
    const total = (PAGES_KEPT + 10) * PAGE_ROWS;
    const { pages, fetch } = await opened(total);
    for (let row = 0; row < total; row += PAGE_ROWS) {
      pages.want(row, row + 10);
      await vi.waitFor(() => expect(pages.row(row)).toBeDefined());
    }
    expect(pages.row(0)).toBeUndefined();
    fetch.mockClear();
    pages.want(0, 10);
    await vi.waitFor(() => expect(pages.row(0)?.id).toBe('r0'));
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  it('are content with a page that has become empty meanwhile', async () => {
    const { pages, fetch } = await opened(50);
    pages.total = 500;
    pages.want(300, 320);
    await vi.waitFor(() => expect(pages.total).toBe(50));
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  it('stop at the last page where they walk, even if the total says there is more', async () => {
    const { pages, fetch } = await opened(50, false);
    pages.total = 500;
    pages.want(300, 320);
    await Promise.resolve();
    expect(fetch).not.toHaveBeenCalled();
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
    const { pages, fetch, onfail } = await opened(300);
    fetch.mockRejectedValueOnce(new Error('gone'));
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
