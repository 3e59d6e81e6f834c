/** The lines of one panel: which series, in which colour and stroke. */

import type { RunHead, SeriesHead } from '../api/types';
import type { Line } from '../chart/model';
import { groupColor, runColor } from '../color/palettes';
import { type CurveData, visibleArrays } from '../curves/arrays';
import type { Range } from '../chart/model';
import { formatSetting } from '../format/number';
import type { Theme } from '../state/theme.svelte';

const STROKES: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [9, 3, 2, 3]];
const BROKEN = new Set(['failed', 'killed', 'lost']);

/** A line with what its legend says. */
export interface PanelLine {
  readonly line: Line;
  readonly head: SeriesHead;
  readonly run: RunHead | undefined;
  /** The context in words: "val". Empty where there is none. */
  readonly context: string;
}

export function contextText(head: Pick<SeriesHead, 'context'>): string {
  return Object.values(head.context).map(formatSetting).join(' ');
}

export interface PanelInput {
  readonly heads: readonly SeriesHead[];
  readonly runs: Readonly<Record<string, RunHead>>;
  readonly data: ReadonlyMap<number, CurveData>;
  readonly zoom: Range | null;
  readonly theme: Theme;
  /** Of one run: colours tell contexts apart. Of many: colours tell runs, strokes contexts. */
  readonly single: boolean;
}

export function panelLines({ heads, runs, data, zoom, theme, single }: PanelInput): PanelLine[] {
  const contexts = [...new Set(heads.map(contextText))].sort();
  return heads.flatMap((head): PanelLine[] => {
    const arrays = data.get(head.series);
    if (!arrays) return [];
    const context = contextText(head);
    const at = contexts.indexOf(context);
    const byContext = single && contexts.length > 1;
    const line: Line = {
      ...visibleArrays(arrays, zoom),
      id: head.series,
      key: head.run,
      color: byContext ? groupColor(at, contexts.length, theme) : runColor(head.run, theme),
      dash: single ? [] : STROKES[at % STROKES.length]!,
      broken: BROKEN.has(runs[head.run]?.status ?? ''),
    };
    return [{ line, head, run: runs[head.run], context }];
  });
}
