/**
 * The rows on screen.
 *
 * A small pool of elements is moved and rewritten as one scrolls.
 */

import { CellSlot, type CellWorld } from './cells';
import type { Placed, Span } from './layout';
import type { Line } from './rows';

/** Everything that one drawing depends on. */
export interface Scene {
  rows: Span;
  columns: Span;
  placed: Placed;
  width: number;
  rowPx: number;
  /** Pixels that rows lie above index * rowPx. */
  shift: number;
  /** The active row and column, or -1. */
  active: number;
  activeColumn: number;
  isSelected(id: string): boolean;
  line(index: number): Line | undefined;
  world: CellWorld;
}

/** The id of a cell's element, by which a reader is told of the active one. */
export function cellId(row: number, column: number): string {
  return `cell-${row}-${column}`;
}

class RowSlot {
  readonly element: HTMLElement;
  private readonly pinned: CellSlot[] = [];
  private readonly cells: CellSlot[] = [];
  private hidden = false;
  private marks = '';
  private index = -1;
  private top = -1;
  private width = -1;
  private height = -1;

  constructor(parent: HTMLElement) {
    this.element = document.createElement('div');
    this.element.className = 'grid-row';
    this.element.role = 'row';
    parent.append(this.element);
  }

  draw(index: number, scene: Scene): void {
    this.move(index, scene);
    const line = scene.line(index);
    const { pins } = scene.placed;
    while (this.pinned.length < pins) {
      const slot = new CellSlot(this.element, 'grid-cell pinned-cell');
      // Pinned cells lie in a row of their own order: before all others.
      this.element.insertBefore(slot.element, this.cells[0]?.element ?? null);
      this.pinned.push(slot);
    }
    this.pinned.forEach((slot, place) => {
      if (place < pins) this.fill(slot, place, index, line, scene);
      else slot.hide();
    });
    this.drawOthers(index, line, scene);
    this.mark(line, index, scene);
  }

  recolor(world: CellWorld): void {
    for (const cell of [...this.pinned, ...this.cells]) cell.recolor(world);
  }

  hide(): void {
    if (!this.hidden) this.element.hidden = this.hidden = true;
  }

  private drawOthers(index: number, line: Line | undefined, scene: Scene): void {
    const shown = scene.columns.last - scene.columns.first;
    while (this.cells.length < shown) this.cells.push(new CellSlot(this.element, 'grid-cell'));
    // A column keeps its cell while it stays in view: slots are dealt out by index modulo pool.
    const pool = this.cells.length;
    for (let offset = 0; offset < pool; offset++) {
      const column = scene.columns.first + offset;
      const slot = this.cells[column % pool];
      if (slot === undefined) continue;
      if (offset < shown) this.fill(slot, column, index, line, scene);
      else slot.hide();
    }
  }

  private move(index: number, scene: Scene): void {
    const top = index * scene.rowPx - scene.shift;
    if (this.hidden) this.element.hidden = this.hidden = false;
    if (scene.width !== this.width || scene.rowPx !== this.height) {
      this.width = scene.width;
      this.height = scene.rowPx;
      this.element.style.width = `${scene.width}px`;
      this.element.style.height = `${scene.rowPx}px`;
    }
    if (index === this.index && top === this.top) return;
    this.index = index;
    this.top = top;
    this.element.style.transform = `translateY(${top}px)`;
    this.element.id = `row-${index}`;
    this.element.dataset.index = String(index);
    // The heading is row 1.
    this.element.ariaRowIndex = String(index + 2);
  }

  private fill(
    slot: CellSlot,
    column: number,
    index: number,
    line: Line | undefined,
    scene: Scene,
  ): void {
    const placed = scene.placed.columns[column];
    if (placed === undefined) return;
    slot.place(placed, column, cellId(index, column));
    if (line === undefined) slot.showBlank();
    else slot.show(placed, line, scene.world);
    slot.mark(index === scene.active && column === scene.activeColumn);
  }

  private mark(line: Line | undefined, index: number, scene: Scene): void {
    const active = index === scene.active;
    const isGroup = line?.kind === 'group';
    const run = line?.kind === 'run' ? line.run : undefined;
    const depth = isGroup ? 0 : (line?.depth ?? 0);
    const open = isGroup ? String(line.open) : null;
    const archived = run?.archived ?? false;
    const selected = run !== undefined && scene.isSelected(run.id);
    // Each of these may touch the style of the whole row: most rows stay as they are.
    const marks = [active, isGroup, depth, open, archived, selected].join();
    if (marks === this.marks) return;
    this.marks = marks;
    const { classList } = this.element;
    classList.toggle('active', active);
    classList.toggle('group', isGroup);
    classList.toggle('member', depth > 0);
    classList.toggle('archived', archived);
    this.element.ariaExpanded = open;
    // Only rows of a tree have a level: those below a group, and the groups themselves.
    this.element.ariaLevel = isGroup || depth > 0 ? String(depth + 1) : null;
    this.element.ariaSelected = String(selected);
  }
}

export class GridBody {
  private readonly canvas: HTMLElement;
  private readonly slots: RowSlot[] = [];

  constructor(canvas: HTMLElement) {
    this.canvas = canvas;
  }

  draw(scene: Scene): void {
    const shown = scene.rows.last - scene.rows.first;
    while (this.slots.length < shown) this.slots.push(new RowSlot(this.canvas));
    const pool = this.slots.length;
    for (let offset = 0; offset < pool; offset++) {
      const index = scene.rows.first + offset;
      const slot = this.slots[index % pool];
      if (offset < shown) slot?.draw(index, scene);
      else slot?.hide();
    }
  }

  recolor(world: CellWorld): void {
    for (const slot of this.slots) slot.recolor(world);
  }
}
