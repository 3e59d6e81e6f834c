/** The axes of a chart: ticks, their text and their look. */

import type uPlot from 'uplot';
import { formatMoment } from '../format/time';
import type { Palette, Range } from './model';
import type { AxisScale } from './scales';
import {
  durationText,
  durationTicks,
  linearTicks,
  type LogTick,
  logTicks,
  stepTicks,
  symlogTicks,
  tickText,
} from './ticks';

/** What x means, which decides its ticks. A `value` is anything that has no unit of ours. */
export type XKind = 'step' | 'relative' | 'time' | 'value';

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

/** What marks an axis, and what its marks say. */
interface Marks {
  readonly ticks: readonly LogTick[];
  readonly text: (value: number) => string;
}

function marksOf(range: Range, room: number, scale: AxisScale, kind: XKind | 'y'): Marks {
  const text = kind === 'relative' ? durationText : kind === 'time' ? formatMoment : tickText;
  if (scale.kind === 'log') return { ticks: logTicks(range, room), text };
  if (scale.kind === 'symlog') return { ticks: symlogTicks(range, room, scale.linear), text };
  const even = kind === 'relative' ? durationTicks : kind === 'step' ? stepTicks : linearTicks;
  return { ticks: even(range, room).map((value) => ({ value, major: true })), text };
}

/** The ticks of an axis and their texts, without a chart: what an export draws. */
export function axisMarks(
  range: Range,
  px: number,
  scale: AxisScale,
  kind: XKind | 'y',
): { value: number; text: string }[] {
  const room = Math.max(2, Math.floor(px / (kind === 'y' ? Y_SPACE_PX : X_SPACE_PX)));
  const { ticks, text } = marksOf(range, room, scale, kind);
  return ticks.map(({ value, major }) => ({ value, text: major ? text(value) : '' }));
}

/** The x axis. Wall time keeps uPlot's own calendar ticks where it is even. */
export function xAxis(kind: XKind, scale: () => AxisScale, palette: () => Palette): uPlot.Axis {
  const calendar = kind === 'time' && scale().kind === 'linear';
  const shared: uPlot.Axis = {
    ...look(palette),
    size: calendar ? X_AXIS_PX + 14 : X_AXIS_PX,
    gap: Y_GAP_PX,
    space: X_SPACE_PX,
  };
  return calendar ? shared : { ...shared, ...marked('x', kind, scale) };
}

/** The y axis, wide enough for its longest mark. */
export function yAxis(
  scale: () => AxisScale,
  palette: () => Palette,
  text?: (value: number) => string,
): uPlot.Axis {
  return {
    ...look(palette),
    size: (_u, values) => {
      const longest = (values ?? []).reduce((most, text) => Math.max(most, text.length), 0);
      return Math.max(Y_AXIS_LEAST_PX, Math.ceil(longest * CHARACTER_PX) + Y_GAP_PX + 6);
    },
    gap: Y_GAP_PX,
    ...marked('y', 'y', scale, text),
  };
}

/** Marks of our own in place of uPlot's. */
function marked(
  axis: 'x' | 'y',
  kind: XKind | 'y',
  scale: () => AxisScale,
  say?: (value: number) => string,
): uPlot.Axis {
  const marks = (u: uPlot, min: number, max: number): Marks =>
    marksOf([min, max], roomFor(u, axis), scale(), kind);
  return {
    splits: (u, _axis, min, max) => marks(u, min, max).ticks.map((tick) => tick.value),
    filter: (_u, splits) => splits,
    values: (u, splits) => {
      const { min, max } = u.scales[axis]!;
      const { ticks, text } = marks(u, min!, max!);
      const named = new Set(ticks.flatMap((tick) => (tick.major ? tick.value : [])));
      return splits.map((value) => (named.has(value) ? (say ?? text)(value) : ''));
    },
  };
}
