/** What is on screen, as a picture or as rows of text. */

import type { Line, Palette } from './model';

/** One chart of an export. */
export interface ExportChart {
  readonly title: string;
  /** Its place in the grid of charts, counted along its rows. */
  readonly at: number;
  readonly base: HTMLCanvasElement;
  readonly overlay: { canvas: HTMLCanvasElement; left: number; top: number };
}

/** A colour of the legend below the charts. */
export interface ExportKey {
  readonly label: string;
  readonly color: string;
}

const TITLE_PX = 30;
const GAP_PX = 12;
const KEY_PX = 22;
/** Keys of a legend: beyond this a picture is a list. */
const KEYS_MAX = 24;
/** A swatch, and the space behind a label. */
const KEY_PAD_PX = 32;
/** Of a letter of a legend, on average and generously. */
const LETTER_PX = 6.4;
/** Letters of a label: a longer one is cut, and ends with "…". */
const LABEL_CHARS_MAX = 48;

/** The keys that a legend has room for; where there are more, the last one says how many. */
export function legendOf(keys: readonly ExportKey[]): readonly ExportKey[] {
  const room = keys.length > KEYS_MAX ? KEYS_MAX - 1 : KEYS_MAX;
  const shown = keys.slice(0, room).map(({ label, color }) => ({
    label: label.length > LABEL_CHARS_MAX ? `${label.slice(0, LABEL_CHARS_MAX - 1)}…` : label,
    color,
  }));
  const left = keys.length - shown.length;
  return left ? [...shown, { label: `and ${left} more`, color: 'transparent' }] : shown;
}

/** The width of a key: that of the longest label, in CSS pixels. */
export function keyWidth(keys: readonly ExportKey[]): number {
  return KEY_PAD_PX + LETTER_PX * Math.max(0, ...keys.map(({ label }) => label.length));
}

/** Put charts in columns under their titles, with a legend, at the screen's density. */
export function composePicture(
  charts: readonly ExportChart[],
  keys: readonly ExportKey[],
  columns: number,
  ratio: number,
  palette: Palette,
): HTMLCanvasElement {
  const width = Math.max(...charts.map((chart) => chart.base.width));
  const height = Math.max(...charts.map((chart) => chart.base.height));
  const rows = Math.floor(Math.max(...charts.map(({ at }) => at)) / columns) + 1;
  const gap = GAP_PX * ratio;
  const cellHeight = height + TITLE_PX * ratio;
  const canvas = document.createElement('canvas');
  canvas.width = columns * width + (columns + 1) * gap;
  const shownKeys = legendOf(keys);
  const keyPx = keyWidth(shownKeys) * ratio;
  const perRow = Math.max(1, Math.floor((canvas.width - gap) / keyPx));
  const keyRows = Math.ceil(shownKeys.length / perRow);
  canvas.height = rows * cellHeight + (rows + 1) * gap + keyRows * KEY_PX * ratio;
  const context = canvas.getContext('2d')!;
  context.fillStyle = palette.surface;
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (const chart of charts) {
    const left = gap + (chart.at % columns) * (width + gap);
    const top = gap + Math.floor(chart.at / columns) * (cellHeight + gap);
    paintChart(context, chart, left, top, ratio, palette);
  }
  shownKeys.forEach((key, index) => {
    const left = gap + (index % perRow) * keyPx;
    const top = canvas.height - (keyRows - Math.floor(index / perRow)) * KEY_PX * ratio;
    paintKey(context, key, left, top, ratio, palette);
  });
  return canvas;
}

function paintChart(
  context: CanvasRenderingContext2D,
  chart: ExportChart,
  left: number,
  top: number,
  ratio: number,
  palette: Palette,
): void {
  context.fillStyle = palette.text;
  context.font = `600 ${13 * ratio}px "Inter Variable"`;
  context.textBaseline = 'middle';
  context.fillText(chart.title, left + 10 * ratio, top + (TITLE_PX / 2) * ratio);
  const below = top + TITLE_PX * ratio;
  context.drawImage(chart.base, left, below);
  const { canvas, left: shiftX, top: shiftY } = chart.overlay;
  if (canvas.width && canvas.height) context.drawImage(canvas, left + shiftX, below + shiftY);
}

function paintKey(
  context: CanvasRenderingContext2D,
  key: ExportKey,
  left: number,
  top: number,
  ratio: number,
  palette: Palette,
): void {
  context.fillStyle = key.color;
  context.fillRect(left, top + 4 * ratio, 10 * ratio, 10 * ratio);
  context.fillStyle = palette.text;
  context.font = `${11 * ratio}px "Inter Variable"`;
  context.textBaseline = 'middle';
  context.fillText(key.label, left + 16 * ratio, top + 9 * ratio);
}

/** One line of an export as text, with the words that name it. */
export interface ExportLine {
  readonly names: readonly string[];
  readonly line: Line;
  /** Of a group: how many members have a value at each x. Its extremes are the ends of its band. */
  readonly counts?: Float32Array;
}

/** A field of a CSV: quoted where it has to be. */
export function csvField(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Values are 32-bit: digits beyond these are no part of them. */
const FLOAT32_DIGITS = 8;

function shortest(value: number): string {
  return String(Number(value.toPrecision(FLOAT32_DIGITS)));
}

/** A point as it is exported: the value as logged, its bucket's extremes, the smoothed value. */
interface ExportPoint {
  readonly x: number;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly smoothed: number | null;
  readonly members: number | null;
}

function pointsOf({ line, counts }: ExportLine, from: number, to: number): ExportPoint[] {
  const { x, y, raw, low, high } = line;
  const values = raw ?? y;
  const points: ExportPoint[] = [];
  for (let i = 0; i < x.length; i++) {
    if (x[i]! < from || x[i]! > to || counts?.[i] === 0) continue;
    const value = values[i]!;
    const extent = { min: low?.[i] ?? value, max: high?.[i] ?? value };
    const members = counts?.[i] ?? null;
    points.push({ x: x[i]!, value, ...extent, smoothed: raw ? y[i]! : null, members });
  }
  return points;
}

/** The points between `from` and `to` in x as CSV, one line for each. */
export function csvOf(
  heads: readonly string[],
  lines: readonly ExportLine[],
  axis: string,
  from: number,
  to: number,
): string {
  const grouped = lines.some(({ counts }) => counts);
  const columns = [...heads, axis, 'value', 'min', 'max', 'smoothed'];
  const out = [[...columns, ...(grouped ? ['members'] : [])].map(csvField).join(',')];
  for (const line of lines) {
    const start = line.names.map(csvField).join(',');
    for (const { x, value, min, max, smoothed, members } of pointsOf(line, from, to)) {
      const numbers = [value, min, max].map(shortest).join(',');
      const smooth = smoothed === null ? '' : shortest(smoothed);
      const counted = grouped ? `,${members ?? ''}` : '';
      out.push(`${start},${x},${numbers},${smooth}${counted}`);
    }
  }
  return `${out.join('\n')}\n`;
}

/** JSON has no NaN and no infinity: they are spelled out, as the server does. */
function spelled(value: number): number | string {
  return Number.isFinite(value) ? Number(shortest(value)) : String(value);
}

/** The same as a list of lines, each with its names and its columns. */
export function jsonOf(
  heads: readonly string[],
  lines: readonly ExportLine[],
  axis: string,
  from: number,
  to: number,
): string {
  const told = lines.map((one) => {
    const { names, line } = one;
    const points = pointsOf(one, from, to);
    const column = (read: (point: ExportPoint) => number) => points.map((p) => spelled(read(p)));
    return {
      ...Object.fromEntries(heads.map((head, at) => [head, names[at]])),
      [axis]: points.map(({ x }) => x),
      value: column(({ value }) => value),
      min: column(({ min }) => min),
      max: column(({ max }) => max),
      ...(line.raw ? { smoothed: column(({ smoothed }) => smoothed ?? NaN) } : {}),
      ...(one.counts ? { members: points.map(({ members }) => members) } : {}),
    };
  });
  return `${JSON.stringify(told)}\n`;
}

/** Hand a file to the reader's downloads. */
export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The download has taken the blob by the next task; earlier, some browsers save an empty file.
  setTimeout(() => URL.revokeObjectURL(url), 0);
}
