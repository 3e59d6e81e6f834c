/** One chart on screen: uPlot's axes and cursor around our own lines. */

import './locale';
import uPlot from 'uplot';
import { type XKind, xAxis, yAxis } from './axes';
import { drawBands } from './bands';
import type { Aim, Crosshair, Follower } from './crosshair';
import { yRange } from './extent';
import { type Focused, paintFocus } from './focus';
import { clipToPlot, drawSlice, drawStrong, type LineStyle, styleFor } from './lines';
import type { Band, Line, OpenRange, Palette, Range } from './model';
import { nearestIndex, nearestLine } from './nearest';
import { isPan } from './pan';
import { type Projection, project } from './projection';
import { type AxisScale, LINEAR, scaleFor, type ScaleKind } from './scales';
import { drawing } from './sched';

/** Everything a plot shows. Where an end of `y` is null the visible values decide. */
export interface PlotView {
  readonly lines: readonly Line[];
  readonly bands: readonly Band[];
  readonly xKind: XKind;
  readonly x: Range;
  readonly y: OpenRange;
  readonly scaleX: ScaleKind;
  readonly scaleY: ScaleKind;
  /** Share of the values on either side that the y axis need not show. */
  readonly trim: number;
  /** How the y axis says a value; plainly where it is not set. */
  readonly yText?: ((value: number) => string) | undefined;
  readonly palette: Palette;
  /** Moments on the x axis are told in UTC, not in the reader's zone. */
  readonly utc?: boolean;
}

/** A point in focus, in CSS pixels from the plot's own corner. */
export interface PlotTip {
  readonly line: Line;
  readonly index: number;
  readonly left: number;
  readonly top: number;
  readonly pinned: boolean;
}

/** A plot as it stands, in CSS pixels: all that it takes to draw it once more elsewhere. */
export interface PlotFrame {
  readonly x: Range;
  readonly y: Range;
  readonly scaleX: AxisScale;
  readonly scaleY: AxisScale;
  readonly xKind: XKind;
  readonly lines: readonly Line[];
  readonly bands: readonly Band[];
  readonly palette: Palette;
  readonly width: number;
  readonly height: number;
}

export interface PlotEvents {
  /** The reader chose a part; null leaves an axis as it is. */
  zoom(x: Range | null, y: Range | null): void;
  /** Points in focus, and where the plot lies in the window. */
  tip(tips: readonly PlotTip[], plot: DOMRect): void;
  /** A draw is complete. */
  drawn(points: number, ms: number): void;
}

/** Beyond this many points the first draw is spread over frames, so that the page stays alive. */
const SLICED_POINTS = 300_000;
/** At most this many lines of a run are brought forward where the run was pointed at elsewhere. */
const FOLLOWED_LINES = 6;
/** Shortest drag that counts as a zoom; below `uni` in one direction, the other alone zooms. */
const DRAG_PX = 5;
const DRAG_UNI_PX = 20;

export class Plot implements Follower {
  readonly #u: uPlot;
  readonly #overlay: HTMLCanvasElement;
  readonly #overlayContext: CanvasRenderingContext2D;
  readonly #crosshair: Crosshair;
  readonly #events: PlotEvents;
  readonly #leave: () => void;
  #view: PlotView;
  #range: Range = [0, 1];
  #scales: { x: AxisScale; y: AxisScale } = { x: LINEAR, y: LINEAR };
  #byRun = new Map<string, Line[]>();
  /** What the crosshair can be on: lines, and the centres of groups. */
  #targets: readonly Line[] = [];
  #pointer: { left: number; top: number } | null = null;
  #drawnOnce = false;
  #clean = true;

  constructor(
    host: HTMLElement,
    view: PlotView,
    crosshair: Crosshair,
    events: PlotEvents,
  ) {
    this.#view = view;
    this.#crosshair = crosshair;
    this.#events = events;
    this.#index(view);
    this.#measure();
    this.#overlay = document.createElement('canvas');
    this.#overlay.style.cssText =
      'position:absolute;inset:0;width:100%;height:100%;pointer-events:none';
    const context = this.#overlay.getContext('2d');
    if (!context) throw new Error('this browser has no 2D canvas');
    this.#overlayContext = context;
    this.#u = new uPlot(this.#options(host), this.#data(), host);
    this.#listen();
    this.#leave = crosshair.join(this);
  }

  #options(host: HTMLElement): uPlot.Options {
    const palette = (): Palette => this.#view.palette;
    const { scaleX, scaleY, xKind } = this.#view;
    const DISTRIBUTION: Record<ScaleKind, 1 | 3 | 4> = { linear: 1, log: 3, symlog: 4 };
    return {
      width: Math.max(80, host.clientWidth),
      height: Math.max(60, host.clientHeight),
      legend: { show: false },
      ...(this.#view.utc
        ? { tzDate: (time) => uPlot.tzDate(new Date(time * 1000), 'UTC') } : {}),
      padding: [8, 14, 0, 0],
      scales: {
        x: {
          time: xKind === 'time',
          distr: DISTRIBUTION[scaleX],
          asinh: this.#scales.x.linear,
          range: (_u, low, high) => [low, high],
        },
        y: {
          distr: DISTRIBUTION[scaleY],
          asinh: this.#scales.y.linear,
          range: (_u, low, high) => [low, high],
        },
      },
      axes: [
        xAxis(xKind, () => this.#scales.x, palette),
        yAxis(() => this.#scales.y, palette, this.#view.yText),
      ],
      cursor: {
        sync: { key: 'foldline-charts', scales: ['x', null] },
        points: { show: false },
        y: false,
        drag: { x: true, y: true, uni: DRAG_UNI_PX, dist: DRAG_PX, setScale: false },
        // Double click is ours: the zoom belongs to the page, not to one chart.
        bind: {
          dblclick: () => null,
          mousedown: (_u, target, handler) => (event) => {
            const zooms = event.button === 0 && event.target === target && !isPan(event);
            if (zooms) handler(event);
            return null;
          },
        },
      },
      // The one dummy series gives uPlot its scales; our lines are drawn in the hook below.
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: {
        init: [(u) => u.over.prepend(this.#overlay)],
        drawAxes: [(u) => this.#paint(u)],
        setSelect: [(u) => this.#selected(u)],
        setSize: [() => this.#crosshair.refresh()],
      },
    };
  }

  #data(): uPlot.AlignedData {
    const y = this.#range;
    return [[this.#view.x[0], this.#view.x[1]], [y[0], y[1]]];
  }

  #yRange(): Range {
    const { lines, bands, x, y, scaleY, trim } = this.#view;
    const [low, high] = y;
    const usable = (end: number | null) => end !== null && (scaleY !== 'log' || end > 0);
    if (usable(low) && usable(high)) return [low!, high!];
    const found = yRange(lines, bands, x, { scale: scaleY, trim });
    const range: Range = [usable(low) ? low! : found[0], usable(high) ? high! : found[1]];
    return range[0] < range[1] ? range : [range[0], range[0] + 1];
  }

  /** Work out the y axis, and the scales that depend on what is visible. */
  #measure(): void {
    this.#range = this.#yRange();
    const { x, scaleX, scaleY } = this.#view;
    this.#scales = { x: scaleFor(scaleX, x), y: scaleFor(scaleY, this.#range) };
  }

  #index({ lines, bands }: PlotView): void {
    this.#byRun = new Map();
    this.#targets = bands.length ? [...bands.map((band) => band.line), ...lines] : lines;
    for (const line of this.#targets) {
      const group = this.#byRun.get(line.key);
      if (group) group.push(line);
      else this.#byRun.set(line.key, [line]);
    }
  }

  #listen(): void {
    const { over } = this.#u;
    over.addEventListener('mousemove', (event) => {
      const box = over.getBoundingClientRect();
      this.#pointer = { left: event.clientX - box.left, top: event.clientY - box.top };
      this.#crosshair.moved(this);
    });
    over.addEventListener('mouseleave', () => {
      this.#pointer = null;
      this.#crosshair.set(null, null);
    });
  }

  /** Show something else. A change of x kind, scale or zone needs a new plot instead. */
  update(view: PlotView): void {
    const changed = view.lines !== this.#view.lines || view.bands !== this.#view.bands;
    this.#view = view;
    if (changed) this.#index(view);
    this.#measure();
    const y = this.#range;
    const { x: scaleX, y: scaleY } = this.#u.scales;
    scaleX!.asinh = this.#scales.x.linear;
    scaleY!.asinh = this.#scales.y.linear;
    const sameScales =
      scaleX!.min === view.x[0] && scaleX!.max === view.x[1] &&
      scaleY!.min === y[0] && scaleY!.max === y[1];
    if (sameScales) {
      this.#u.redraw(false, true);
    } else {
      this.#u.batch(() => {
        this.#u.setScale('x', { min: view.x[0], max: view.x[1] });
        this.#u.setScale('y', { min: y[0], max: y[1] });
      });
    }
    this.#crosshair.refresh();
  }

  resize(width: number, height: number): void {
    if (width < 2 || height < 2) return;
    if (width === this.#u.width && height === this.#u.height) return;
    this.#u.setSize({ width, height });
  }

  destroy(): void {
    this.#leave();
    drawing.drop(this);
    this.#u.destroy();
  }

  /** The canvas with axes and lines, for an export. */
  get canvas(): HTMLCanvasElement {
    return this.#u.ctx.canvas;
  }

  /** The layer with the lines in focus, and where it sits on `canvas`, for an export. */
  get overlay(): { canvas: HTMLCanvasElement; left: number; top: number } {
    return { canvas: this.#overlay, left: this.#u.bbox.left, top: this.#u.bbox.top };
  }

  #ratio(): number {
    return this.#u.ctx.canvas.width / this.#u.width;
  }

  #map(onOverlay = false): Projection {
    const { bbox, scales } = this.#u;
    const corner = onOverlay ? { left: 0, top: 0 } : { left: bbox.left, top: bbox.top };
    const box = { ...corner, width: bbox.width, height: bbox.height };
    const { x, y } = scales;
    const { x: scaleX, y: scaleY } = this.#scales;
    return project(box, [x!.min!, x!.max!], [y!.min!, y!.max!], scaleX, scaleY);
  }

  #paint(u: uPlot): void {
    const { lines, bands, palette } = this.#view;
    const style = styleFor(lines.length, bands.length > 0, this.#ratio(), palette);
    const map = this.#map();
    const total = lines.reduce((sum, line) => sum + line.x.length, 0);
    const started = performance.now();
    if (this.#drawnOnce || total <= SLICED_POINTS) {
      drawing.drop(this);
      const { points } = this.#lines(u.ctx, 0, map, style, Infinity);
      this.#finish(u.ctx, map, points, started);
      return;
    }
    let next = 0;
    let points = 0;
    drawing.add(this, (ends) => {
      const slice = this.#lines(u.ctx, next, map, style, ends);
      next = slice.next;
      points += slice.points;
      if (next < lines.length) return false;
      this.#finish(u.ctx, map, points, started);
      return true;
    });
  }

  #lines(
    context: CanvasRenderingContext2D,
    from: number,
    map: Projection,
    style: LineStyle,
    ends: number,
  ): { next: number; points: number } {
    clipToPlot(context, map);
    const slice = drawSlice(context, this.#view.lines, from, map, style, ends);
    context.restore();
    return slice;
  }

  #finish(
    context: CanvasRenderingContext2D,
    map: Projection,
    points: number,
    started: number,
  ): void {
    clipToPlot(context, map);
    const { lines, bands, palette } = this.#view;
    drawBands(context, bands, map, this.#ratio(), palette);
    drawStrong(context, lines, map, this.#ratio(), palette);
    context.restore();
    this.#drawnOnce = true;
    this.#events.drawn(points, performance.now() - started);
  }

  #selected(u: uPlot): void {
    const { left, top, width, height } = u.select;
    if (width <= 0 && height <= 0) return;
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    // The drag box is mirrored in every chart; only the one under the pointer speaks for it.
    if (!this.#pointer) return;
    const plot = u.over.getBoundingClientRect();
    const wide = width > 0 && width < plot.width - 1;
    const tall = height > 0 && height < plot.height - 1;
    const x: Range | null = wide ? [u.posToVal(left, 'x'), u.posToVal(left + width, 'x')] : null;
    const y: Range | null = tall ? [u.posToVal(top + height, 'y'), u.posToVal(top, 'y')] : null;
    if (x || y) this.#events.zoom(x, y);
  }

  resolve(): void {
    if (!this.#pointer) return;
    const { left, top } = this.#pointer;
    const x = this.#u.posToVal(left, 'x');
    const ratio = this.#ratio();
    const hit = nearestLine(this.#targets, this.#map(true), left * ratio, top * ratio);
    const aim = hit && {
      run: hit.line.key, series: hit.line.id, x: hit.line.x[hit.index]!, source: this,
    };
    this.#crosshair.set(aim, x);
  }

  /** Value of x under a place, in CSS pixels from the plot's left edge. */
  xAt(left: number): number {
    return this.#u.posToVal(left, 'x');
  }

  /** What the crosshair can be on. */
  get targets(): readonly Line[] {
    return this.#targets;
  }

  /** Value of x in the middle of the plot. */
  get middle(): number {
    return this.xAt(this.#u.over.clientWidth / 2);
  }

  /** The element that receives the pointer over the plot. */
  get surface(): HTMLElement {
    return this.#u.over;
  }

  /** Put the crosshair on a point, as the arrow keys do. */
  aimAt(line: Line, index: number): void {
    const x = line.x[index]!;
    this.#pointer = null;
    const left = this.#u.valToPos(x, 'x');
    const top = this.#u.valToPos(line.y[index]!, 'y');
    // uPlot's declaration lacks the third argument, which mirrors the hair in the other charts.
    const setCursor = this.#u.setCursor as (
      place: { left: number; top: number }, fire: boolean, mirror: boolean,
    ) => void;
    setCursor({ left, top }, true, true);
    this.#crosshair.set({ run: line.key, series: line.id, x, source: this }, x);
  }

  follow(aim: Aim | null, pins: readonly Aim[]): void {
    const focused = [...pins, aim].flatMap((one) => this.#focusedBy(one));
    if (!focused.length && this.#clean) return;
    this.#clean = !focused.length;
    const width = Math.round(this.#u.bbox.width);
    const height = Math.round(this.#u.bbox.height);
    if (this.#overlay.width !== width) this.#overlay.width = width;
    if (this.#overlay.height !== height) this.#overlay.height = height;
    const map = this.#map(true);
    const look = { ratio: this.#ratio(), palette: this.#view.palette, veiled: aim !== null };
    paintFocus(this.#overlayContext, focused, map, look);
    this.#tell(aim, pins);
  }

  /** The lines of this chart that an aim brings forward. */
  #focusedBy(aim: Aim | null): Focused[] {
    if (!aim) return [];
    const own = this.#byRun.get(aim.run) ?? [];
    const exact = own.find((line) => line.id === aim.series);
    const lines = exact ? [exact] : own.slice(0, FOLLOWED_LINES);
    return lines.map((line) => ({
      line,
      index: aim.x === null ? -1 : this.#indexAt(line, aim.x),
    }));
  }

  #indexAt(line: Line, x: number): number {
    const count = line.x.length;
    if (!count || x < line.x[0]! || x > line.x[count - 1]!) return -1;
    return nearestIndex(line.x, x);
  }

  #tell(aim: Aim | null, pins: readonly Aim[]): void {
    const tips = pins.flatMap((pin) => this.#tipOf(pin, true) ?? []);
    // Hovering over a pinned point moves no second card over the first.
    const known = aim && pins.some((pin) => pin.series === aim.series && pin.x === aim.x);
    const hovered = aim?.source === this && !known ? this.#tipOf(aim, false) : null;
    if (hovered) tips.push(hovered);
    this.#events.tip(tips, this.#u.over.getBoundingClientRect());
  }

  #tipOf(aim: Aim, pinned: boolean): PlotTip | null {
    if (aim.series === null || aim.x === null) return null;
    const line = this.#byRun.get(aim.run)?.find((own) => own.id === aim.series);
    const index = line ? this.#indexAt(line, aim.x) : -1;
    if (!line || index < 0) return null;
    const left = this.#u.valToPos(line.x[index]!, 'x');
    const top = this.#u.valToPos(line.y[index]!, 'y');
    // A point that was zoomed out of sight keeps its pin and shows no card.
    const inside = left >= 0 && left <= this.#u.over.clientWidth && top - top === 0;
    return inside ? { line, index, left, top, pinned } : null;
  }

  /** What is drawn, for an export as a drawing: ranges and scales of both axes. */
  get frame(): PlotFrame {
    const { x, xKind, lines, bands, palette } = this.#view;
    const { width, height } = this.#u;
    return {
      x, y: this.#range, scaleX: this.#scales.x, scaleY: this.#scales.y, xKind, lines, bands,
      palette, width, height,
    };
  }
}
