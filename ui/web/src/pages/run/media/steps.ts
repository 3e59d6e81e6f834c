/** Steps of sequences: where a slider may stand, and what lies before and behind it. */

import type { Sequence } from '../../../lib/api/run';
import type { WireNumber } from '../../../lib/api/types';

/** A step as a number: JSON spells infinities out. */
export function stepOf(step: WireNumber): number {
  return typeof step === 'number' ? step : Number(step);
}

/** The next number above, so that a step itself is left out. */
export function justAbove(step: number): number {
  if (!Number.isFinite(step)) return step;
  const gap = Math.max(Number.MIN_VALUE, Math.abs(step) * Number.EPSILON);
  return step + gap;
}

export function justBelow(step: number): number {
  return -justAbove(-step);
}

/** From the first step of all sequences to the last one; null if there is nothing to choose. */
export function stepRange(sequences: readonly Sequence[]): [number, number] | null {
  const ends = sequences.flatMap((one) => [stepOf(one.first_step), stepOf(one.last_step)]);
  const finite = ends.filter((step) => Number.isFinite(step));
  if (finite.length === 0) return null;
  const low = finite.reduce((a, b) => Math.min(a, b));
  const high = finite.reduce((a, b) => Math.max(a, b));
  return low < high ? [low, high] : null;
}

export function keyOf(sequence: Pick<Sequence, 'kind' | 'name' | 'context'>): string {
  return JSON.stringify([sequence.kind, sequence.name, sequence.context]);
}

/** The kinds, and what a person calls several of them. */
export const KINDS: Readonly<Record<string, string>> = {
  image: 'Images',
  audio: 'Audio',
  video: 'Video',
  text: 'Texts',
  table: 'Tables',
  distribution: 'Distributions',
  figure: 'Figures',
  html: 'Pages',
  points3d: 'Point clouds',
};

/** Sequences by kind, in the order of KINDS, and then by name. */
export function inOrder(sequences: readonly Sequence[]): Sequence[] {
  const kinds = Object.keys(KINDS);
  const place = ({ kind }: Sequence): number => (kinds.indexOf(kind) + 1 || kinds.length + 1);
  return [...sequences].sort(
    (a, b) => place(a) - place(b) || a.name.localeCompare(b.name, 'en'),
  );
}
