/**
 * The active row and cell, and what keys and clicks do there.
 *
 * What they do to many runs at once is in `deeds.ts`.
 */

import type { Column } from '../../lib/grid/columns';
import type Grid from '../../lib/grid/Grid.svelte';
import type { RunRow } from '../../lib/grid/rows';
import { route, runHref } from '../../lib/state/route.svelte';
import { session } from '../../lib/state/session.svelte';
import { toasts } from '../../lib/ui/toasts.svelte';
import type { RunsAnswer } from './answer.svelte';
import { editField, uncut } from './edits';
import { idsOf, type Selection } from './selection.svelte';
import type { TableView } from './view.svelte';

export interface Editing {
  run: RunRow;
  column: Column;
  /** Where the cell is on the screen. */
  at: DOMRect;
}

export class Cursor {
  /** The active row and column, or -1. */
  row = $state(-1);
  column = $state(-1);
  editing = $state.raw<Editing | null>(null);
  grid = $state.raw<Grid | undefined>();

  private readonly answer: RunsAnswer;
  private readonly view: TableView;
  private readonly selection: Selection;

  constructor(answer: RunsAnswer, view: TableView, selection: Selection) {
    this.answer = answer;
    this.view = view;
    this.selection = selection;
  }

  leave(): void {
    this.row = -1;
    this.column = -1;
  }

  move(to: number, extend = false): void {
    const { answer, selection } = this;
    if (answer.total === 0) return;
    const next = Math.min(answer.total - 1, Math.max(0, to));
    if (extend) {
      if (selection.anchor < 0) selection.anchor = Math.max(0, this.row);
      void this.selectRange(selection.anchor, next);
    } else selection.anchor = -1;
    this.row = next;
    this.grid?.reveal(next);
  }

  moveColumn(step: number): void {
    const { length } = this.view.shown;
    if (this.row < 0) this.row = 0;
    this.column = Math.min(length - 1, Math.max(0, this.column + step));
    this.grid?.revealColumn(this.column);
  }

  /** Opens the group or the run; a cell that can be changed is changed. */
  open(): void {
    const line = this.answer.line(this.row);
    if (line?.kind === 'group') this.view.toggleOpen(line.group.id);
    else if (this.column > 0 && this.isEditable(this.column)) this.edit();
    else if (line !== undefined) route.go(runHref(line.run.id));
  }

  /** Changes the active cell, or else the name. */
  edit(): void {
    this.editAt(this.row, this.isEditable(this.column) ? this.column : 0);
  }

  editAt(row: number, index: number): void {
    if (session.whyNot !== undefined) return void toasts.show(session.whyNot);
    const run = this.answer.run(row);
    const column = this.view.shown[index]?.column;
    const at = this.grid?.cellAt(row, index);
    if (run !== undefined && column?.editable && at) void this.openEditor(run, column, at);
  }

  private async openEditor(run: RunRow, column: Column, at: DOMRect): Promise<void> {
    try {
      this.editing = { run: await uncut(run, column.editable!), column, at };
    } catch (reason) {
      toasts.failed(`${column.title} could not be read whole`, reason);
    }
  }

  /** Keeps what was typed; null leaves all as it was. */
  finishEdit(text: string | null): void {
    const now = this.editing;
    this.editing = null;
    this.grid?.focus();
    if (now?.column.editable && text !== null) {
      void editField(this.answer, now.run, now.column.editable, text);
    }
  }

  pressed(index: number, column: number, event: MouseEvent, onBox: boolean): void {
    const { selection } = this;
    const line = this.answer.line(index);
    if (line?.kind === 'group') this.view.toggleOpen(line.group.id);
    const run = line?.kind === 'run' ? line.run : undefined;
    if (event.shiftKey && run !== undefined) {
      event.preventDefault();
      getSelection()?.removeAllRanges();
      const from = selection.anchor >= 0 ? selection.anchor : Math.max(0, this.row);
      selection.anchor = from;
      void this.selectRange(from, index);
    } else {
      selection.anchor = index;
      if (run !== undefined && (onBox || event.ctrlKey || event.metaKey)) selection.toggle(run.id);
    }
    this.row = index;
    this.column = column;
  }

  doubled(index: number, column: number): void {
    if (this.isEditable(column)) this.editAt(index, column);
  }

  toggle(): void {
    const run = this.answer.run(this.row);
    if (run !== undefined) this.selection.toggle(run.id);
    this.selection.anchor = this.row;
  }

  selectAll(): void {
    const { query } = this.view;
    if (this.answer.runs > 0) this.selection.all({ query, total: this.answer.runs });
  }

  /** One thing after another: the comparison, the selection, the active cell. */
  clear(): void {
    if (this.view.compared.length > 0) this.view.compare([]);
    else if (this.selection.count > 0) this.selection.clear();
    else this.leave();
  }

  private isEditable(column: number): boolean {
    return Boolean(this.view.shown[column]?.column.editable);
  }

  /** Selects a stretch of the table; of an ordered list also what is not at hand. */
  private async selectRange(from: number, to: number): Promise<void> {
    const [first, last] = [Math.min(from, to), Math.max(from, to) + 1];
    const ids: string[] = [];
    for (let index = first; index < last; index++) {
      const line = this.answer.line(index);
      if (line?.kind === 'run') ids.push(line.run.id);
    }
    this.selection.only(ids);
    const { query, by, sortsInForce } = this.view;
    if (by.length > 0 || ids.length === last - first) return;
    try {
      this.selection.only(await idsOf(query, [...sortsInForce], first, last));
    } catch (reason) {
      toasts.failed('Not all of them could be selected', reason);
    }
  }
}
