/**
 * What is done with the selected runs, or with the active one where none is selected.
 */

import { RUNS_MAX } from '../../lib/api/tables';
import { formatCount } from '../../lib/format/number';
import { idsQuery } from '../../lib/grid/words';
import { metricsHref, route } from '../../lib/state/route.svelte';
import { session } from '../../lib/state/session.svelte';
import { toasts } from '../../lib/ui/toasts.svelte';
import type { RunsAnswer } from './answer.svelte';
import type { Cursor } from './cursor.svelte';
import { editTags, runsInWords, setAside } from './edits';
import { QUERIED_MAX, type Selection } from './selection.svelte';
import { COMPARED_MAX, type TableView } from './view.svelte';

/** Tells whoever may change nothing that it is so. */
function isRefused(): boolean {
  if (session.whyNot !== undefined) toasts.show(session.whyNot);
  return !session.mayWrite;
}

export class Deeds {
  private readonly answer: RunsAnswer;
  private readonly view: TableView;
  private readonly selection: Selection;
  private readonly cursor: Cursor;

  constructor(answer: RunsAnswer, view: TableView, selection: Selection, cursor: Cursor) {
    this.answer = answer;
    this.view = view;
    this.selection = selection;
    this.cursor = cursor;
  }

  async compare(): Promise<void> {
    try {
      const ids = await this.chosen(COMPARED_MAX, 'The comparison');
      if (ids.length > 1) this.view.compare(ids);
      else toasts.show('Select two runs or more to compare them', { detail: 'x selects a row' });
    } catch (reason) {
      toasts.failed('The runs could not be compared', reason);
    }
  }

  async showCurves(): Promise<void> {
    const { query, count } = this.selection;
    if (query !== null && count > 0) {
      route.go(metricsHref(query));
      return;
    }
    await this.withChosen(async (ids) => route.go(metricsHref(idsQuery(ids))), QUERIED_MAX);
  }

  tag(tags_added: string[], tags_removed: string[]): Promise<void> {
    if (isRefused()) return Promise.resolve();
    return this.withChosen((ids) => editTags(this.answer, ids, { tags_added, tags_removed }));
  }

  setAside(edit: { archived: boolean } | { deleted: boolean }): Promise<void> {
    if (isRefused()) return Promise.resolve();
    return this.withChosen(async (ids) => {
      this.selection.clear();
      await setAside(this.answer, ids, edit);
    });
  }

  private async withChosen(
    act: (ids: string[]) => Promise<void>,
    most = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    try {
      const ids = await this.chosen(most, 'The page');
      if (ids.length > 0) await act(ids);
    } catch (reason) {
      toasts.failed('The selected runs could not be read', reason);
    }
  }

  /** The ids of at most so many; tells if these are not all of them. */
  private async chosen(most: number, what: string): Promise<string[]> {
    const { count } = this.selection;
    if (count === 0) {
      const run = this.answer.run(this.cursor.row);
      return run === undefined ? [] : [run.id];
    }
    const ids = await this.listed(Math.min(most, count));
    if (count > ids.length && ids.length === most) {
      toasts.show(`${what} shows ${formatCount(ids.length)} of ${formatCount(count)} runs`);
    }
    return ids;
  }

  /** The ids of so many selected runs; many are read page by page, which takes its time. */
  private async listed(count: number): Promise<string[]> {
    if (count <= RUNS_MAX) return this.selection.list(count);
    const words = (read: number) => `${formatCount(read)} of ${runsInWords(count)} read`;
    const toast = toasts.during(words(0));
    return this.selection.list(count, (read) => toast.say(words(read))).finally(toast.over);
  }
}
