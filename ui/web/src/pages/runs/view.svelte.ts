/**
 * The table as the address has it.
 *
 * Every control writes the address; what is shown is read from it.
 */

import type { BestBy } from '../../lib/api/tables';
import type { Sort } from '../../lib/api/types';
import { defaultIds, differs, NAME_COLUMN, type Column } from '../../lib/grid/columns';
import { formatPick, moved, ordered, parsePicks, type Pick } from '../../lib/grid/picks';
import { clickedSort, DEFAULT_SORT, formatSort, parseSort } from '../../lib/grid/sorting';
import { withFigure } from '../../lib/grid/words';
import { route } from '../../lib/state/route.svelte';
import type { FoundColumns } from './found.svelte';

/** Stands for every column that matching runs have. */
const ALL = '*';
/** Runs in a comparison: more columns than anybody compares by eye. */
export const COMPARED_MAX = 24;

/** Values of a repeated parameter as one text, so that a change elsewhere in it is no change. */
function repeated(key: string): string {
  return JSON.stringify(route.params.getAll(key));
}

export class TableView {
  readonly query: string = $derived(route.params.get('q') ?? '');
  private readonly sortText: string = $derived(repeated('sort'));
  private readonly colText: string = $derived(repeated('col'));
  private readonly byText: string = $derived(repeated('by'));
  private readonly openText: string = $derived(repeated('open'));
  private readonly compareText: string = $derived(repeated('compare'));

  readonly sorts: Sort[] = $derived(parseSort(JSON.parse(this.sortText) as string[]));
  readonly sortsInForce: readonly Sort[] = $derived(
    this.sorts.length > 0 ? this.sorts : DEFAULT_SORT,
  );
  readonly by: string[] = $derived(
    (JSON.parse(this.byText) as string[]).filter((word) => word !== '').slice(0, 8),
  );
  readonly open: string[] = $derived(JSON.parse(this.openText) as string[]);
  readonly compared: string[] = $derived(
    (JSON.parse(this.compareText) as string[]).filter(Boolean).slice(0, COMPARED_MAX),
  );
  readonly best: BestBy | null = $derived.by(() => {
    const [sort] = parseSort([route.params.get('best') ?? '']);
    return sort === undefined ? null : { by: sort.by, goal: sort.desc ? 'maximize' : 'minimize' };
  });
  readonly differing: boolean = $derived(route.params.get('diff') === '1');
  /** What somebody picked; empty: the usual columns. */
  private readonly picked: Pick[] = $derived(parsePicks(JSON.parse(this.colText) as string[]));
  readonly isDefault: boolean = $derived(this.picked.length === 0);

  private readonly found: FoundColumns;
  /** The columns in their order, before those in which runs agree are left out. */
  readonly picks: Pick[];
  readonly shown: { column: Column; pick: Pick }[];
  /** How many columns are left out because runs agree in them. */
  readonly alike: number;

  constructor(found: FoundColumns) {
    this.found = found;
    this.picks = $derived(this.picksInForce());
    this.shown = $derived(this.columnsShown());
    this.alike = $derived(this.picks.length - this.shown.length);
  }

  private picksInForce(): Pick[] {
    const all = this.picked.some((pick) => pick.id === ALL);
    const ids = all
      ? this.found.list.map(({ column }) => column)
      : this.isDefault ? defaultIds(this.found.list) : [];
    const given = this.picked.filter((pick) => pick.id !== ALL);
    const known = new Set(given.map((pick) => pick.id));
    const picks = [...given, ...ids.filter((id) => !known.has(id)).map((id) => ({ id }))];
    const name = picks.find((pick) => pick.id === NAME_COLUMN) ?? { id: NAME_COLUMN };
    const rest = picks.filter((pick) => pick.id !== NAME_COLUMN);
    return ordered([{ ...name, pinned: true }, ...rest]);
  }

  private columnsShown(): { column: Column; pick: Pick }[] {
    const shown = this.picks.map((pick) => ({ column: this.found.column(pick.id), pick }));
    if (!this.differing) return shown;
    return shown.filter(({ column }) => column.id === NAME_COLUMN || this.differ(column));
  }

  /** Whether matching runs differ here; any curve or figure does where the last value does. */
  private differ(column: Column): boolean {
    const found =
      column.metric === null
        ? column.found
        : (this.found.byWord.get(withFigure(column.id, 'last')) ?? null);
    return differs(found);
  }

  ask(query: string): void {
    route.set({ q: query === '' ? null : query, open: null });
  }

  setSorts(sorts: readonly Sort[]): void {
    route.set({ sort: formatSort(sorts) });
  }

  /** The default order is nobody's choice: a click starts from none. */
  sortBy(by: string, add: boolean): void {
    this.setSorts(clickedSort(this.sorts, by, add));
  }

  groupBy(by: readonly string[]): void {
    route.set({ by: [...by], open: null, ...(by.length === 0 ? { best: null } : {}) });
  }

  setBest(best: BestBy | null): void {
    const text = best === null ? null : `${best.goal === 'maximize' ? '-' : ''}${best.by}`;
    route.set({ best: text });
  }

  toggleOpen(id: string): void {
    const open = this.open.includes(id)
      ? this.open.filter((one) => one !== id)
      : [...this.open, id];
    route.set({ open }, { replace: true });
  }

  setDiffering(on: boolean): void {
    route.set({ diff: on ? '1' : null }, { replace: true });
  }

  compare(ids: readonly string[]): void {
    route.set({ compare: ids.slice(0, COMPARED_MAX) });
  }

  /** Null: the usual columns again. */
  setPicks(picks: readonly Pick[] | null): void {
    route.set({ col: picks === null ? null : picks.map(formatPick) }, { replace: true });
  }

  showAll(): void {
    route.set({ col: ALL }, { replace: true });
  }

  toggle(id: string): void {
    const rest = this.picks.filter((pick) => pick.id !== id);
    this.setPicks(rest.length < this.picks.length ? rest : [...this.picks, { id }]);
  }

  /** Puts another column in the place of one, such as another figure of its metric. */
  replace(id: string, by: string): void {
    if (this.picks.some((pick) => pick.id === by)) this.toggle(id);
    else this.setPicks(this.picks.map((pick) => (pick.id === id ? { ...pick, id: by } : pick)));
  }

  /** Puts a column before the one that is at `to` of those shown. */
  move(id: string, to: number): void {
    if (id === NAME_COLUMN) return;
    const rest = this.shown.map(({ pick }) => pick).filter((pick) => pick.id !== id);
    const next = rest[Math.max(1, to)]?.id;
    const others = this.picks.filter((pick) => pick.id !== id);
    const place = next === undefined ? others.length : others.findIndex((one) => one.id === next);
    this.setPicks(moved(this.picks, id, place));
  }

  change(id: string, patch: Partial<Pick>): void {
    const picks = this.picks.map((pick) => {
      if (pick.id !== id) return pick;
      const next = { ...pick, ...patch };
      if (next.width === undefined) delete next.width;
      return next;
    });
    this.setPicks(ordered(picks));
  }
}
