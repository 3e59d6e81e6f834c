/** From a step to the charts there. */

import type { Summary } from '../../lib/api/types';
import { runHref } from '../../lib/state/route.svelte';

/** Part of the steps of a series that is shown around one of them. */
const AROUND = 0.05;

/** Address of the run's charts around a step, relative to the base. */
export function stepHref(id: string, step: number, series: Summary): string {
  const span = (series.last?.step ?? step) - (series.first?.step ?? step);
  const half = Math.max(1, span * AROUND);
  const words = new URLSearchParams({ zoom: `${step - half},${step + half}` });
  return `${runHref(id, 'metrics')}?${words}`;
}
