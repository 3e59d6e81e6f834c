/** Charts as a drawing that scales: the same paths as on screen, as SVG. */

import { axisMarks } from './axes';
import { stretches } from './bands';
import { type ExportKey, keyWidth, legendOf } from './export';
import {
  DOT_RADIUS_PX, dotsOf, drawnArrays, EXTENT_SHARE, type LineStyle, RAW_SHARE, styleFor,
} from './lines';
import {
  CAP_RADIUS_PX, CROSS_HALF_PX, type Mark, marksOf, RUG_ALPHA, RUG_PX,
} from './marks';
import type { Band, Line } from './model';
import type { PlotFrame } from './plot';
import { pixelX, pixelY, project, type Projection } from './projection';
import { type Pen, type Traced, traceLine } from './trace';

/** One chart of a drawing. */
export interface SvgChart {
  readonly title: string;
  /** Its place in the grid of charts, counted along its rows. */
  readonly at: number;
  readonly frame: PlotFrame;
}

const TITLE_PX = 28;
const GAP_PX = 12;
const LEFT_PX = 46;
const BOTTOM_PX = 24;
const RIGHT_PX = 12;
const TOP_PX = 8;
const KEY_PX = 20;
const FONT = 'Inter, system-ui, sans-serif';
const BAND_ALPHA = 0.15;

/** Writes what a pen would draw as the d of a path, to a tenth of a pixel. */
class PathText implements Pen {
  text = '';

  moveTo(x: number, y: number): void {
    this.text += `M${short(x)} ${short(y)}`;
  }

  lineTo(x: number, y: number): void {
    this.text += `L${short(x)} ${short(y)}`;
  }
}

function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Text as XML has it: names are whatever somebody logged. */
export function escaped(text: string): string {
  const codes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text
    .replace(/[&<>"]/g, (character) => codes[character]!)
    // XML has no way to write most control characters.
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');
}

/** All charts in columns under their titles, with a legend, as one SVG document. */
export function svgOf(
  charts: readonly SvgChart[],
  keys: readonly ExportKey[],
  columns: number,
): string {
  const width = Math.max(...charts.map(({ frame }) => frame.width));
  const height = Math.max(...charts.map(({ frame }) => frame.height)) + TITLE_PX;
  const rows = Math.floor(Math.max(...charts.map(({ at }) => at)) / columns) + 1;
  const shown = legendOf(keys);
  const wide = columns * width + (columns + 1) * GAP_PX;
  const keyPx = keyWidth(shown);
  const perRow = Math.max(1, Math.floor((wide - GAP_PX) / keyPx));
  const keysTop = rows * (height + GAP_PX) + GAP_PX;
  const tall = keysTop + Math.ceil(shown.length / perRow) * KEY_PX + GAP_PX;
  const { surface, text } = charts[0]!.frame.palette;
  const parts = charts.map((chart) => {
    const { at } = chart;
    const left = GAP_PX + (at % columns) * (width + GAP_PX);
    const top = GAP_PX + Math.floor(at / columns) * (height + GAP_PX);
    return `<g transform="translate(${left} ${top})">${chartOf(chart)}</g>`;
  });
  const legend = shown.map(({ label, color }, at) => {
    const left = GAP_PX + (at % perRow) * keyPx;
    const top = keysTop + Math.floor(at / perRow) * KEY_PX;
    return `<rect x="${left}" y="${top}" width="10" height="10" rx="3" fill="${color}"/>` +
      `<text x="${left + 16}" y="${top + 9}" fill="${text}">${escaped(label)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${wide}" height="${tall}" ` +
    `viewBox="0 0 ${wide} ${tall}" font-family="${FONT}" font-size="11">` +
    `<rect width="${wide}" height="${tall}" fill="${surface}"/>` +
    `${parts.join('')}${legend.join('')}</svg>\n`;
}

function chartOf({ title, frame, at }: SvgChart): string {
  const { palette } = frame;
  const box = {
    left: LEFT_PX,
    top: TITLE_PX + TOP_PX,
    width: Math.max(1, frame.width - LEFT_PX - RIGHT_PX),
    height: Math.max(1, frame.height - TOP_PX - BOTTOM_PX),
  };
  const map = project(box, frame.x, frame.y, frame.scaleX, frame.scaleY);
  const clip = `plot-${at}`;
  const style = styleFor(frame.lines.length, frame.bands.length > 0, 1, palette);
  return `<text x="8" y="18" font-size="13" font-weight="600" fill="${palette.text}">` +
    `${escaped(title)}</text>` +
    axes(frame, map) +
    `<clipPath id="${clip}"><rect x="${box.left}" y="${box.top}" width="${box.width}" ` +
    `height="${box.height}"/></clipPath>` +
    `<g clip-path="url(#${clip})" fill="none" stroke-linejoin="round">` +
    frame.lines.map((line) => lineOf(line, map, style)).join('') +
    frame.bands.map((band) => bandOf(band, map)).join('') +
    (style.doubled ? frame.lines.map((line) => dots(line, map)).join('') : '') +
    (style.marked ? frame.lines.map((line) => marks(line, map, palette.bad)).join('') : '') +
    '</g>';
}

function axes(frame: PlotFrame, map: Projection): string {
  const { palette } = frame;
  const bottom = map.top + map.height;
  const right = map.left + map.width;
  const across = axisMarks(frame.x, map.width, frame.scaleX, frame.xKind).map(({ value, text }) => {
    const x = short(pixelX(map, value));
    return `<path d="M${x} ${map.top}V${bottom}" stroke="${palette.grid}"/>` +
      `<text x="${x}" y="${bottom + 16}" text-anchor="middle" fill="${palette.muted}">` +
      `${escaped(text)}</text>`;
  });
  const up = axisMarks(frame.y, map.height, frame.scaleY, 'y').map(({ value, text }) => {
    const y = pixelY(map, value);
    return `<path d="M${map.left} ${short(y)}H${right}" stroke="${palette.grid}"/>` +
      `<text x="${map.left - 6}" y="${short(y + 4)}" text-anchor="end" fill="${palette.muted}">` +
      `${escaped(text)}</text>`;
  });
  return across.join('') + up.join('');
}

function pathOf(traced: Traced, map: Projection): string {
  const pen = new PathText();
  traceLine(pen, traced, map);
  return pen.text;
}

function stroked(d: string, color: string, width: number, alpha: number, dash: readonly number[]) {
  if (!d) return '';
  const dashes = dash.length ? ` stroke-dasharray="${dash.join(' ')}"` : '';
  return `<path d="${d}" stroke="${color}" stroke-width="${width}" ` +
    `stroke-opacity="${alpha}"${dashes}/>`;
}

/** What a second hairline half a pixel away adds up to. */
const DOUBLED_PX = 1.5;
const STRONG_PX = 2.4;

function lineOf(line: Line, map: Projection, { alpha, doubled }: LineStyle): string {
  const { x, y, raw, low, high, color, dash, strong } = line;
  const path = (traced: Traced): string => pathOf(traced, map);
  const arrays = drawnArrays(line);
  const values = { x, y, low: null, high: null };
  const under = raw ? stroked(path({ x, y: raw, low, high }), color, 1, alpha * RAW_SHARE, []) : '';
  if (strong) return under + stroked(path(values), color, STRONG_PX, 1, dash);
  if (!doubled) return under + stroked(path(arrays), color, 1, alpha, dash);
  // The values over their extents, as on screen: noise never buries them.
  const extents = arrays.low ? stroked(path(arrays), color, 1, alpha * EXTENT_SHARE, []) : '';
  return under + extents + stroked(path(values), color, DOUBLED_PX, alpha, dash);
}

function dots(line: Line, map: Projection): string {
  return dotsOf(line, map, 1).map(([x, y]) => circle(x, y, DOT_RADIUS_PX, line.color)).join('');
}

/** The marks of what no line can reach, as on screen. */
function marks(line: Line, map: Projection, bad: string): string {
  return marksOf(line, map).map((mark) => (
    mark.kind === 'cap' ? circle(mark.x, mark.y, CAP_RADIUS_PX, bad)
      : mark.kind === 'cross' ? stroked(crossOf(mark), line.color, 1.5, 1, [])
        : stroked(rugOf(mark), line.color, 1, RUG_ALPHA, [])
  )).join('');
}

function circle(x: number, y: number, radius: number, fill: string): string {
  return `<circle cx="${short(x)}" cy="${short(y)}" r="${radius}" fill="${fill}"/>`;
}

function crossOf({ x, y }: Mark): string {
  const [left, right] = [short(x - CROSS_HALF_PX), short(x + CROSS_HALF_PX)];
  const [top, bottom] = [short(y - CROSS_HALF_PX), short(y + CROSS_HALF_PX)];
  return `M${left} ${top}L${right} ${bottom}M${left} ${bottom}L${right} ${top}`;
}

function rugOf({ kind, x, y }: Mark): string {
  return `M${short(x)} ${short(y)}v${kind === 'rug-low' ? -RUG_PX : RUG_PX}`;
}

function bandOf(band: Band, map: Projection): string {
  const fills = stretches(band.mid, 0, band.mid.length - 1).map(([start, end]) => {
    const pen = new PathText();
    for (let i = start; i <= end; i++) {
      const [x, y] = [pixelX(map, band.x[i]!), pixelY(map, band.high[i]!)];
      if (i === start) pen.moveTo(x, y);
      else pen.lineTo(x, y);
    }
    for (let i = end; i >= start; i--) {
      pen.lineTo(pixelX(map, band.x[i]!), pixelY(map, band.low[i]!));
    }
    return pen.text.includes('NaN') ? ''
      : `<path d="${pen.text}Z" fill="${band.color}" fill-opacity="${BAND_ALPHA}"/>`;
  });
  const centre = { x: band.x, y: band.mid, low: null, high: null };
  return fills.join('') + stroked(pathOf(centre, map), band.color, 2, 1, band.dash);
}
