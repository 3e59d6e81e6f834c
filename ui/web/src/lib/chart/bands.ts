/** Group centres with their spread, drawn over the lines. */

import { strokeWide } from './lines';
import type { Band, Palette } from './model';
import { type Projection, pixelX, pixelY } from './projection';
import { scaled } from './scales';
import { visibleSpan } from './trace';

const CASING_PX = 4;
const CENTRE_PX = 2;

/** Paint the spread of each band first and every centre after it: no centre is ever covered. */
export function drawBands(
  context: CanvasRenderingContext2D,
  bands: readonly Band[],
  map: Projection,
  ratio: number,
  palette: Palette,
): void {
  context.setLineDash([]);
  context.globalAlpha = palette.dark ? 0.17 : 0.15;
  for (const band of bands) fillSpread(context, band, map);
  context.globalAlpha = 1;
  for (const band of bands) {
    const centre = { x: band.x, y: band.mid, low: null, high: null };
    context.setLineDash([]);
    strokeWide(context, centre, map, palette.surface, CASING_PX * ratio);
    context.setLineDash(band.dash.map((part) => part * ratio));
    strokeWide(context, centre, map, band.color, CENTRE_PX * ratio);
  }
  context.setLineDash([]);
}

/** The stretches of indices where a band has a value; a gap in its middle stays a gap. */
export function stretches(values: Float32Array, from: number, to: number): [number, number][] {
  const found: [number, number][] = [];
  let start = -1;
  for (let i = from; i <= to + 1; i++) {
    const inside = i <= to && values[i]! - values[i]! === 0;
    if (inside && start < 0) start = i;
    if (!inside && start >= 0) {
      found.push([start, i - 1]);
      start = -1;
    }
  }
  return found;
}

function fillSpread(context: CanvasRenderingContext2D, band: Band, map: Projection): void {
  const [from, to] = visibleSpan(scaled(band.x, map.scaleX), map);
  context.fillStyle = band.color;
  for (const [start, end] of stretches(band.mid, from, to)) {
    context.beginPath();
    for (let i = start; i <= end; i++) {
      context.lineTo(pixelX(map, band.x[i]!), pixelY(map, band.high[i]!));
    }
    for (let i = end; i >= start; i--) {
      context.lineTo(pixelX(map, band.x[i]!), pixelY(map, band.low[i]!));
    }
    context.fill();
  }
}
