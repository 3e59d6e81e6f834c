/**
 * Groups of runs, some of them open.
 *
 * Lines are groups and, below an open one, its members.
 */

import {
  FIGURES_MAX,
  searchGroups,
  type BestBy,
  type Figures,
  type Group,
  type GroupsResponse,
} from '../../lib/api/tables';
import type { Sort } from '../../lib/api/types';
import { Pages } from '../../lib/grid/pages';
import type { Line } from '../../lib/grid/rows';
import type { Span } from '../../lib/grid/layout';
import { RunList, type ListOptions } from './runlist';

export interface GroupOptions extends Omit<ListOptions, 'group'> {
  by: string[];
  best: BestBy | null;
  /** Columns that get figures. */
  columns: string[];
  open: readonly string[];
}

interface Opened {
  /** Which group this is, from the top. */
  at: number;
  group: Group;
  list: RunList;
}

export class GroupList {
  private readonly asked: GroupOptions;
  private readonly groups: Pages<Group>;
  private readonly columns: string[];
  private readonly figures = new WeakMap<Group, ReadonlyMap<string, Figures>>();
  private open: ReadonlySet<string>;
  private lists = new Map<string, RunList>();
  /** The open groups that are known, in their order. */
  private opened: Opened[] = [];
  /** Runs in all groups. */
  runs = 0;

  constructor(asked: GroupOptions) {
    this.asked = asked;
    this.columns = asked.columns.slice(0, FIGURES_MAX);
    this.open = new Set(asked.open);
    this.groups = new Pages<Group>({
      fetch: (start, limit) => this.read(start.cursor, limit),
      onload: () => (this.settle(), asked.onload()),
      onfail: asked.onfail,
      jumps: false,
    });
  }

  get groupsTotal(): number {
    return this.groups.total;
  }

  get total(): number {
    return this.opened.reduce((sum, one) => sum + one.group.runs, this.groups.total);
  }

  async read(cursor: string | null, limit: number): Promise<GroupsResponse & { rows: Group[] }> {
    const { query, by, best, sort, signal } = this.asked;
    const answer = await searchGroups(
      { query, by, columns: this.columns, best, sort: this.sorted(sort), limit, cursor },
      signal,
    );
    this.runs = answer.runs;
    return { ...answer, rows: answer.groups };
  }

  start(answer: GroupsResponse & { rows: Group[] }): void {
    this.groups.start(answer);
    this.settle();
  }

  line(index: number): Line | undefined {
    let rest = index;
    for (const one of this.opened) {
      if (rest <= one.at) break;
      if (rest <= one.at + one.group.runs) {
        const run = one.list.row(rest - one.at - 1);
        return run === undefined ? undefined : { kind: 'run', run, depth: 1 };
      }
      rest -= one.group.runs;
    }
    const group = this.groups.row(rest);
    if (group === undefined) return undefined;
    const open = this.open.has(group.id);
    return { kind: 'group', group, open, figures: this.figuresOf(group) };
  }

  want({ first, last }: Span): void {
    // Of each open group: how many members lie above the first line, and above the last.
    let before = 0;
    let [from, to] = [first, last];
    for (const { at, group, list } of this.opened) {
      const start = at + before + 1;
      const above = Math.min(group.runs, Math.max(0, first - start));
      const within = Math.min(group.runs, Math.max(0, last - start));
      if (within > above) list.want(above, within);
      from -= above;
      to -= within;
      before += group.runs;
    }
    this.groups.want(from, to);
  }

  /** Opens and closes groups. */
  setOpen(ids: readonly string[]): void {
    this.open = new Set(ids);
    this.settle();
  }

  /** The lists of runs that are open. */
  runLists(): RunList[] {
    return this.opened.map((one) => one.list);
  }

  stop(): void {
    this.groups.stop();
    for (const list of this.lists.values()) list.stop();
  }

  /** Groups are ordered by the mean of what runs are ordered by, or by their keys. */
  private sorted(sort: readonly Sort[]): { by: string; figure: 'mean'; desc: boolean }[] {
    return sort
      .filter(({ by }) => this.columns.includes(by) || this.asked.by.includes(by))
      .map(({ by, desc }) => ({
        by: this.asked.by.includes(by) ? 'key' : by,
        figure: 'mean' as const,
        desc,
      }));
  }

  /** Finds out where the open groups are, and starts the lists of new ones. */
  private settle(): void {
    const opened: Opened[] = [];
    for (const id of this.open) {
      const at = this.groups.indexOf(id);
      const group = this.groups.row(at);
      if (group === undefined) continue;
      opened.push({ at, group, list: this.listOf(group) });
    }
    this.opened = opened.sort((one, other) => one.at - other.at);
  }

  private listOf(group: Group): RunList {
    const known = this.lists.get(group.id);
    if (known !== undefined) return known;
    const list = new RunList({ ...this.asked, group: { by: this.asked.by, id: group.id } });
    list.total = group.runs;
    this.lists.set(group.id, list);
    return list;
  }

  private figuresOf(group: Group): ReadonlyMap<string, Figures> {
    let known = this.figures.get(group);
    if (known === undefined) {
      known = new Map(this.columns.map((word, place) => [word, group.figures[place]!]));
      this.figures.set(group, known);
    }
    return known;
  }
}
