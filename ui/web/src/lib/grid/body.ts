/**
 * The rows on screen.
 *
 * A small pool of elements is moved and rewritten as one scrolls.
 */

import type { Run } from '../api/types';
import { CellSlot, type CellWorld } from './cells';
import { ROW_PX, type PlacedColumn, type Span } from './layout';

/** Everything that one drawing depends on. */
export interface Scene {
  rows: Span;
  columns: Span;
  placed: readonly PlacedColumn[];
  width: number;
  /** Pixels that rows lie above index * ROW_PX. */
  shift: number;
  active: number;
  selected: ReadonlySet<string>;
  row(index: number): Run | undefined;
  world: CellWorld;
}

class RowSlot {
  readonly element: HTMLElement;
  private readonly name: CellSlot;
  private readonly cells: CellSlot[] = [];
  private index = -1;
  private top = -1;

  constructor(parent: HTMLElement) {
    this.element = document.createElement('div');
    this.element.className = 'grid-row';
    this.element.role = 'row';
    this.element.style.height = `${ROW_PX}px`;
    this.name = new CellSlot(this.element, 'grid-cell name-cell');
    parent.append(this.element);
  }

  draw(index: number, scene: Scene): void {
    this.move(index, scene);
    const run = scene.row(index);
    this.fill(this.name, 0, run, scene);
    const shown = scene.columns.last - scene.columns.first;
    while (this.cells.length < shown) this.cells.push(new CellSlot(this.element, 'grid-cell'));
    // A column keeps its cell while it stays in view: slots are dealt out by index modulo pool.
    const pool = this.cells.length;
    for (let offset = 0; offset < pool; offset++) {
      const column = scene.columns.first + offset;
      const slot = this.cells[column % pool];
      if (slot === undefined) continue;
      if (offset < shown) this.fill(slot, column, run, scene);
      else slot.hide();
    }
    this.mark(run, index, scene);
  }

  recolor(world: CellWorld): void {
    for (const cell of [this.name, ...this.cells]) cell.recolor(world);
  }

  hide(): void {
    this.element.hidden = true;
  }

  private move(index: number, scene: Scene): void {
    const top = index * ROW_PX - scene.shift;
    this.element.hidden = false;
    this.element.style.width = `${scene.width}px`;
    if (index === this.index && top === this.top) return;
    this.index = index;
    this.top = top;
    this.element.style.transform = `translateY(${top}px)`;
    this.element.id = `row-${index}`;
    this.element.dataset.index = String(index);
    // The heading is row 1.
    this.element.ariaRowIndex = String(index + 2);
  }

  private fill(slot: CellSlot, column: number, run: Run | undefined, scene: Scene): void {
    const placed = scene.placed[column];
    if (placed === undefined) return;
    slot.place(placed.left, placed.width, column);
    if (run === undefined) slot.showBlank();
    else slot.show(placed.column, run, scene.world);
  }

  private mark(run: Run | undefined, index: number, scene: Scene): void {
    this.element.classList.toggle('active', index === scene.active);
    const selected = run !== undefined && scene.selected.has(run.id);
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
