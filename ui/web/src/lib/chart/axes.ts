/** The axes of a chart: ticks, their text and their look. */

import type uPlot from 'uplot';
import type { Palette } from './model';
import {
  durationText,
  durationTicks,
  linearTicks,
  logTicks,
  stepTicks,
  tickText,
} from './ticks';

/** What x means, which decides its ticks. */
export type XKind = 'step' | 'relative' | 'time';

export const AXIS_FONT = '11px "Inter Variable"';

const X_SPACE_PX = 72;
const Y_SPACE_PX = 34;
const X_AXIS_PX = 26;
const Y_AXIS_LEAST_PX = 38;
const CHARACTER_PX = 6.4;
const Y_GAP_PX = 6;

/** Axis colours are asked for at each draw, so that a theme change needs a redraw only. */
function look(palette: () => Palette): uPlot.Axis {
  return {
    stroke: () => palette().muted,
    font: AXIS_FONT,
    grid: { stroke: () => palette().grid, width: 1 },
    ticks: { show: false },
    border: { show: false },
  };
}

/** How many ticks fit. The plot itself has no size yet when a new chart asks for its first ones. */
function roomFor(u: uPlot, axis: 'x' | 'y'): number {
  const room = axis === 'x'
    ? (u.width - Y_AXIS_LEAST_PX) / X_SPACE_PX
    : (u.height - X_AXIS_PX) / Y_SPACE_PX;
  return Math.max(2, Math.floor(room));
}

/** The x axis. Wall time keeps uPlot's own calendar ticks. */
export function xAxis(kind: XKind, palette: () => Palette): uPlot.Axis {
  const shared: uPlot.Axis = {
    ...look(palette),
    size: kind === 'time' ? X_AXIS_PX + 14 : X_AXIS_PX,
    gap: Y_GAP_PX,
    space: X_SPACE_PX,
  };
  if (kind === 'time') return shared;
  const ticks = kind === 'relative' ? durationTicks : stepTicks;
  const text = kind === 'relative' ? durationText : tickText;
  return {
    ...shared,
    splits: (u, _axis, min, max) => ticks([min, max], roomFor(u, 'x')),
    values: (_u, splits) => splits.map((value) => text(value)),
  };
}

/** The y axis; a logarithmic one marks every digit of a decade and names a few. */
export function yAxis(log: boolean, palette: () => Palette): uPlot.Axis {
  return {
    ...look(palette),
    size: (_u, values) => {
      const longest = (values ?? []).reduce((most, text) => Math.max(most, text.length), 0);
      return Math.max(Y_AXIS_LEAST_PX, Math.ceil(longest * CHARACTER_PX) + Y_GAP_PX + 6);
    },
    gap: Y_GAP_PX,
    splits: (u, _axis, min, max) =>
      log
        ? logTicks([min, max], roomFor(u, 'y')).map((tick) => tick.value)
        : linearTicks([min, max], roomFor(u, 'y')),
    filter: (_u, splits) => splits,
    values: (u, splits) => {
      if (!log) return splits.map((value) => tickText(value));
      const { min, max } = u.scales['y']!;
      const named = new Set(
        logTicks([min!, max!], roomFor(u, 'y')).flatMap((tick) => (tick.major ? tick.value : [])),
      );
      return splits.map((value) => (named.has(value) ? tickText(value) : ''));
    },
  };
}
