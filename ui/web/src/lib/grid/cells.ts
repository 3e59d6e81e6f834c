/**
 * One cell of the table as DOM.
 *
 * It is written only where its content differs from what it shows.
 */

import type { Run, Summary } from '../api/types';
import type { Cell, CellKind, Column } from './columns';
import { CURVE_HEIGHT, CURVE_WIDTH } from './curves.svelte';

/** What a cell needs to know of the page around it. */
export interface CellWorld {
  now: number;
  href(run: Run): string;
  color(id: string): string;
  /** The d attribute of a small curve; empty while it is on its way. */
  curve(series: Summary): string;
}

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
  private kind: CellKind | 'blank' | null = null;
  private text = '';
  private columnId = '';
  private runId = '';
  private left = -1;
  private width = -1;
  private flashedAt = 0;

  constructor(parent: HTMLElement, className: string) {
    this.element = document.createElement('div');
    this.element.className = className;
    this.element.role = 'gridcell';
    parent.append(this.element);
  }

  place(left: number, width: number, columnIndex: number): void {
    if (left === this.left && width === this.width) return;
    this.left = left;
    this.width = width;
    this.element.style.left = `${left}px`;
    this.element.style.width = `${width}px`;
    this.element.ariaColIndex = String(columnIndex + 1);
  }

  hide(): void {
    this.element.hidden = true;
  }

  /** A grey bar while the row is on its way. */
  showBlank(): void {
    this.element.hidden = false;
    if (this.kind === 'blank') return;
    this.kind = 'blank';
    this.runId = '';
    const bar = document.createElement('span');
    bar.className = 'bone';
    this.element.dataset.kind = 'blank';
    this.element.replaceChildren(bar);
  }

  show(column: Column, run: Run, world: CellWorld): void {
    this.element.hidden = false;
    const isCurve = column.kind === 'curve';
    const cell = isCurve ? curveCell(column, run, world) : column.cell(run, world.now);
    const samePlace = this.columnId === column.id && this.runId === run.id;
    if (samePlace && this.kind === column.kind && this.text === cell.text) return;
    if (samePlace && column.live) this.flash();
    if (this.kind !== column.kind) {
      this.kind = column.kind;
      this.element.dataset.kind = column.kind;
      this.element.replaceChildren(...skeletonOf(column.kind));
    }
    this.columnId = column.id;
    this.runId = run.id;
    this.text = cell.text;
    this.element.title = cell.detail ?? '';
    this.element.dataset.tone = cell.tone ?? '';
    this.write(column.kind, cell.text, run, world);
  }

  /** The run's colour follows the theme. */
  recolor(world: CellWorld): void {
    const mark = this.element.firstElementChild;
    if (this.kind === 'name' && mark instanceof HTMLElement) {
      mark.style.backgroundColor = world.color(this.runId);
    } else if (this.kind === 'curve' && mark instanceof SVGElement) {
      mark.style.stroke = world.color(this.runId);
    }
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

  private write(kind: CellKind, text: string, run: Run, world: CellWorld): void {
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

function curveCell(column: Column, run: Run, world: CellWorld): Cell {
  const series = column.series?.(run);
  return { text: series === undefined ? '' : world.curve(series) };
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

function skeletonOf(kind: CellKind): Element[] {
  if (kind === 'curve') return [emptyCurve()];
  if (kind === 'status') {
    const pill = document.createElement('span');
    pill.className = 'status-pill';
    return [pill];
  }
  if (kind !== 'name') return [];
  const dot = document.createElement('span');
  dot.className = 'run-dot';
  const link = document.createElement('a');
  link.className = 'ellipsis';
  // The grid itself is the one tab stop; Enter opens the active row.
  link.tabIndex = -1;
  return [dot, link];
}

function tagElements(tags: readonly string[]): HTMLElement[] {
  const shown = tags.slice(0, TAGS_SHOWN);
  const more = tags.length - shown.length;
  return [...shown, ...(more > 0 ? [`+${more}`] : [])].map((tag) => {
    const element = document.createElement('span');
    element.className = 'tag';
    element.textContent = tag;
    return element;
  });
}
