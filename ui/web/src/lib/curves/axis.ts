/** Along what curves are drawn, as an address spells it and as the server takes it. */

import type { XAxis } from '../api/types';
import type { XKind } from '../chart/axes';

/** The axes that need no series of their own. */
export const PLAIN_AXES = ['step', 'epoch', 'relative', 'time'] as const;

const METRIC = 'metric:';

/** An axis as one word: "step", "relative", "time", "epoch", "metric:tokens". */
export type AxisWord = string;

/** The word for another series of the same run. */
export function metricAxis(name: string): AxisWord {
  return METRIC + name;
}

/** The name of the series that is the axis, or null where none is. */
export function metricOf(word: AxisWord): string | null {
  return word.startsWith(METRIC) && word.length > METRIC.length ? word.slice(METRIC.length) : null;
}

/** A word that means an axis; what means none is steps. */
export function axisWord(text: string | null): AxisWord {
  const known = PLAIN_AXES.find((word) => word === text);
  if (known) return known;
  return text !== null && metricOf(text) !== null ? text : 'step';
}

export function axisOf(word: AxisWord): XAxis {
  const metric = metricOf(word);
  return metric === null ? (axisWord(word) as XAxis) : { metric };
}

/** Which ticks an axis has. */
export function axisKind(word: AxisWord): XKind {
  return word === 'step' || word === 'relative' || word === 'time' ? word : 'value';
}

/** What a chip or a column says for an axis. */
export function axisTitle(word: AxisWord): string {
  if (word === 'relative') return 'relative time';
  if (word === 'time') return 'wall time';
  return metricOf(word) ?? word;
}
