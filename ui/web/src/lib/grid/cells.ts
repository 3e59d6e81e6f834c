/**
 * One cell of the table as DOM.
 *
 * It is written only where its content differs from what it shows.
 */

import type { Group } from '../api/tables';
import type { Run, Summary } from '../api/types';
import { formatCount } from '../format/number';
import { tags as known } from '../state/tags.svelte';
import { barPart, groupCell, type Cell, type CellKind, type Column } from './columns';
import { CURVE_HEIGHT, CURVE_WIDTH } from './curves.svelte';
import type { PlacedColumn } from './layout';
import type { Line, RunRow } from './rows';

/** What a cell needs to know of the page around it. */
export interface CellWorld {
  now: number;
  href(run: Run): string;
  color(id: string): string;
  /** The d attribute of a small curve; empty while it is on its way. */
  curve(series: Summary): string;
  /** What the members of a group share, in words. */
  label(group: Group): string;
  /** Of a group: its best run, and the number that makes it so. */
  best(group: Group): { href: string; text: string } | null;
  /** The least and the greatest number of a column that has bars. */
  bounds(column: Column): readonly [number, number] | null;
}

type SlotKind = CellKind | 'blank' | 'group';

const FLASH_MS = 900;
/** A cell that changes all the time flashes now and then: it should not glow. */
const FLASH_PAUSE_MS = 2_500;
/** Tags shown in a cell; the rest is a number. */
const TAGS_SHOWN = 4;

/** The reader asked the system for less motion. */
const calm =
  typeof matchMedia === 'undefined' ? null : matchMedia('(prefers-reduced-motion: reduce)');

export class CellSlot {
  readonly element: HTMLElement;
  private kind: SlotKind | null = null;
  private text = '';
  private columnId = '';
  private lineId = '';
  private id = '';
  private hidden = false;
  private here = false;
  private left = -1;
  private width = -1;
  private bar: number | null = null;
  private flashedAt = 0;
  /** What was drawn last: drawn again it would be the same. */
  private drawn: { placed: PlacedColumn; run: RunRow; world: CellWorld } | null = null;

  constructor(parent: HTMLElement, className: string) {
    this.element = document.createElement('div');
    this.element.className = className;
    this.element.role = 'gridcell';
    parent.append(this.element);
  }

  place(placed: PlacedColumn, columnIndex: number, id: string): void {
    if (this.hidden) this.element.hidden = this.hidden = false;
    if (this.id !== id) this.element.id = this.id = id;
    if (placed.left === this.left && placed.width === this.width) return;
    this.left = placed.left;
    this.width = placed.width;
    this.element.style.left = `${placed.left}px`;
    this.element.style.width = `${placed.width}px`;
    this.element.ariaColIndex = String(columnIndex + 1);
  }

  hide(): void {
    if (!this.hidden) this.element.hidden = this.hidden = true;
  }

  /** The keyboard is at this cell. */
  mark(here: boolean): void {
    if (here === this.here) return;
    this.here = here;
    this.element.classList.toggle('here', here);
  }

  /** A grey bar while the row is on its way. */
  showBlank(): void {
    this.drawn = null;
    if (this.kind === 'blank') return;
    this.become('blank');
    this.lineId = '';
    this.element.title = '';
    this.showBar(null, '');
  }

  show(placed: PlacedColumn, line: Line, world: CellWorld): void {
    if (line.kind === 'group') this.showGroup(placed.column, line, world);
    else if (!this.isDrawn(placed, line.run, world)) this.showRun(placed, line.run, world);
  }

  /** Scrolling draws most cells again as they are. Curves and bars depend on more than this. */
  private isDrawn(placed: PlacedColumn, run: RunRow, world: CellWorld): boolean {
    const { drawn } = this;
    const same = drawn?.placed === placed && drawn.run === run && drawn.world === world;
    if (!same) this.drawn = { placed, run, world };
    return same && placed.column.kind !== 'curve' && !placed.pick.bar;
  }

  /** The run's colour follows the theme. */
  recolor(world: CellWorld): void {
    if (this.bar !== null) this.element.style.setProperty('--run', world.color(this.lineId));
    if (this.kind === 'name') {
      const dot = this.element.querySelector<HTMLElement>('.run-dot');
      if (dot !== null) dot.style.backgroundColor = world.color(this.lineId);
    } else if (this.kind === 'curve') {
      const picture = this.element.firstElementChild;
      if (picture instanceof SVGElement) picture.style.stroke = world.color(this.lineId);
    }
  }

  private showRun(placed: PlacedColumn, run: RunRow, world: CellWorld): void {
    const { column, pick } = placed;
    if (column.kind !== 'curve' && column.value(run) === undefined) {
      this.showBlank();
      return;
    }
    const isCurve = column.kind === 'curve';
    const cell = isCurve ? curveCell(column, run, world) : column.cell(run, world.now);
    const samePlace = this.columnId === column.id && this.lineId === run.id;
    const bar = pick.bar ? barPart(column, run, world.bounds(column)) : null;
    if (samePlace && this.kind === column.kind && this.text === cell.text && this.bar === bar) {
      return;
    }
    if (samePlace && column.live && this.kind === column.kind) this.flash();
    this.become(column.kind);
    this.columnId = column.id;
    this.lineId = run.id;
    this.describe(cell);
    this.write(column.kind, cell.text, run, world);
    this.showBar(bar, world.color(run.id));
  }

  private showGroup(column: Column, line: Line & { kind: 'group' }, world: CellWorld): void {
    this.drawn = null;
    const { group, open } = line;
    const isName = column.kind === 'name';
    const cell = isName
      ? { text: world.label(group) }
      : groupCell(column, line.figures.get(column.id), world.now);
    // What is written of a group: its label, how many, whether it is open.
    const best = isName ? world.best(group) : null;
    const text = isName ? [cell.text, group.runs, open, best?.text].join('\u0000') : cell.text;
    const samePlace = this.columnId === column.id && this.lineId === group.id;
    const kind = isName ? 'group' : column.kind === 'number' ? 'number' : 'text';
    if (samePlace && this.kind === kind && this.text === text) return;
    this.become(kind);
    this.columnId = column.id;
    this.lineId = group.id;
    this.describe({ ...cell, text });
    this.showBar(null, '');
    if (!isName) {
      this.element.textContent = cell.text;
      return;
    }
    this.element.title = cell.text;
    const [arrow, name, count, link] = this.element.children;
    (arrow as HTMLElement).dataset.open = String(open);
    (name as HTMLElement).textContent = cell.text;
    (count as HTMLElement).textContent = formatCount(group.runs);
    (link as HTMLElement).hidden = best === null;
    (link as HTMLElement).textContent = best?.text ?? '';
    (link as HTMLAnchorElement).href = best?.href ?? '';
  }

  private become(kind: SlotKind): void {
    if (this.kind === kind) return;
    this.kind = kind;
    this.element.dataset.kind = kind;
    this.element.replaceChildren(...skeletonOf(kind));
  }

  private describe(cell: Cell): void {
    this.text = cell.text;
    this.element.title = cell.detail ?? '';
    this.element.dataset.tone = cell.tone ?? '';
  }

  private showBar(part: number | null, color: string): void {
    if (part === this.bar && part === null) return;
    this.bar = part;
    this.element.classList.toggle('bar', part !== null);
    if (part === null) return;
    this.element.style.setProperty('--bar', part.toFixed(4));
    this.element.style.setProperty('--run', color);
  }

  private flash(): void {
    const now = performance.now();
    if (calm?.matches || now - this.flashedAt < FLASH_PAUSE_MS) return;
    this.flashedAt = now;
    const tint = getComputedStyle(this.element).getPropertyValue('--accent-bg');
    this.element.animate([{ backgroundColor: tint }, { backgroundColor: 'transparent' }], {
      duration: FLASH_MS,
      easing: 'ease-out',
    });
  }

  private write(kind: CellKind, text: string, run: RunRow, world: CellWorld): void {
    const first = this.element.firstElementChild;
    if (kind === 'name') {
      const link = this.element.lastElementChild as HTMLAnchorElement;
      link.textContent = text;
      link.href = world.href(run);
      this.recolor(world);
    } else if (kind === 'status') {
      (first as HTMLElement).dataset.status = text;
      (first as HTMLElement).textContent = text;
    } else if (kind === 'curve') {
      first?.firstElementChild?.setAttribute('d', text);
      this.recolor(world);
    } else if (kind === 'tags') {
      this.element.replaceChildren(...tagElements(run.tags));
      this.element.title = run.tags.join(', ');
    } else {
      this.element.textContent = text;
    }
  }
}

function curveCell(column: Column, run: RunRow, world: CellWorld): Cell {
  const { metric } = column;
  const series =
    metric === null
      ? undefined
      : run.metrics.find(
          (one) => one.name === metric.name && sameContext(one.context, metric.context),
        );
  return { text: series === undefined ? '' : world.curve(series) };
}

function sameContext(one: object, other: object): boolean {
  const [left, right] = [Object.entries(one), new Map(Object.entries(other))];
  return left.length === right.size && left.every(([key, value]) => right.get(key) === value);
}

const SVG = 'http://www.w3.org/2000/svg';

function emptyCurve(): SVGElement {
  const picture = document.createElementNS(SVG, 'svg');
  picture.setAttribute('width', String(CURVE_WIDTH));
  picture.setAttribute('height', String(CURVE_HEIGHT));
  picture.setAttribute('aria-hidden', 'true');
  picture.append(document.createElementNS(SVG, 'path'));
  return picture;
}

function span(className: string): HTMLElement {
  const element = document.createElement('span');
  element.className = className;
  return element;
}

function skeletonOf(kind: SlotKind): Element[] {
  if (kind === 'curve') return [emptyCurve()];
  if (kind === 'status') return [span('status-pill')];
  if (kind === 'blank') return [span('bone')];
  if (kind === 'group') {
    const [arrow, name, count] = [span('arrow'), span('group-name ellipsis'), span('count num')];
    arrow.ariaHidden = 'true';
    const best = document.createElement('a');
    best.className = 'best num';
    best.tabIndex = -1;
    return [arrow, name, count, best];
  }
  if (kind !== 'name') return [];
  const link = document.createElement('a');
  link.className = 'ellipsis';
  // The grid itself is the one tab stop; Enter opens the active row.
  link.tabIndex = -1;
  const box = span('box');
  box.ariaHidden = 'true';
  return [box, span('run-dot'), link];
}

function tagElements(tags: readonly string[]): HTMLElement[] {
  const shown = tags.slice(0, TAGS_SHOWN);
  const more = tags.length - shown.length;
  return [...shown, ...(more > 0 ? [`+${more}`] : [])].map((tag) => {
    const element = span('tag');
    element.textContent = tag;
    const color = known.color(tag);
    if (color !== '') element.style.setProperty('--tag', color);
    return element;
  });
}
