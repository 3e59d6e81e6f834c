/** Lines of groups and their members, whichever are open. */

import { afterEach, describe, expect, it, vi } from 'vitest';
import { GroupList } from '../../../src/pages/runs/groups';
import { NOTHING } from '../../../src/pages/runs/wanted';
import { aRun } from '../samples';

const SIZES = [3, 2, 4];

/** A server with groups g0, g1, ... of these sizes; their members are g0.0, g0.1, ... */
function answer(path: string, body: string): unknown {
  const asked = JSON.parse(body) as { group: { id: string } | null; limit: number; offset: number };
  if (path.endsWith('/groups')) {
    const groups = SIZES.map((runs, at) => ({
      key: [at], id: `g${at}`, runs, figures: [], best: null,
    }));
    return { groups, total: groups.length, runs: 9, cursor: null, warnings: [] };
  }
  const id = asked.group?.id ?? '';
  const total = SIZES[Number(id.slice(1))] ?? 0;
  const rows = Array.from({ length: total }, (_, at) => ({ ...aRun(`${id}.${at}`), cells: [] }));
  return { rows, total, cursor: null, warnings: [] };
}

async function opened(open: string[], lists = open.length) {
  vi.stubGlobal('fetch', (path: string, init: RequestInit) =>
    Promise.resolve(new Response(JSON.stringify(answer(path, init.body as string)))),
  );
  const onload = vi.fn();
  const list = new GroupList({
    query: '', sort: [], by: ['run.lr'], best: null, columns: [], open,
    wanted: () => NOTHING, signal: new AbortController().signal, onload, onfail: vi.fn(),
  });
  list.start(await list.read(null, 100));
  list.want({ first: 0, last: list.total });
  await vi.waitFor(() => expect(onload.mock.calls.length).toBeGreaterThanOrEqual(lists));
  return list;
}

function lines(list: GroupList): string[] {
  return Array.from({ length: list.total }, (_, index) => {
    const line = list.line(index);
    return line === undefined ? '?' : line.kind === 'group' ? line.group.id : line.run.id;
  });
}

afterEach(() => vi.unstubAllGlobals());

describe('groups', () => {
  it('are lines by themselves while they are closed', async () => {
    expect(lines(await opened([]))).toEqual(['g0', 'g1', 'g2']);
  });

  it('have their members below them when they are open', async () => {
    expect(lines(await opened(['g2', 'g0']))).toEqual([
      'g0', 'g0.0', 'g0.1', 'g0.2', 'g1', 'g2', 'g2.0', 'g2.1', 'g2.2', 'g2.3',
    ]);
  });

  it('open and close in place, and forget ids that no group has', async () => {
    const list = await opened(['g0', 'gone'], 1);
    expect(list.total).toBe(6);
    list.setOpen(['g1']);
    list.want({ first: 0, last: list.total });
    await vi.waitFor(() => expect(lines(list)).toEqual(['g0', 'g1', 'g1.0', 'g1.1', 'g2']));
  });
});
