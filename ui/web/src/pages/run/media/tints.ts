/** The colours of a cloud's points: by class, by a value, or their own. */

import type { Theme } from '../../../lib/state/theme.svelte';
import { classColor } from './layers.svelte';
import type { Cloud } from './cloud';
import { pixelOf } from './masks';

export type Tint = 'own' | 'class' | 'label' | 'x' | 'y' | 'z';

/** Labels beyond so many, or between whole numbers, are values and no classes. */
const CLASSES_MAX = 256;
const SHADES = 256;

/** Viridis at nine places: even to the eye, and to those who see fewer colours. */
const VIRIDIS = [
  '#440154', '#472d7b', '#3b528b', '#2c728e', '#21918c', '#28ae80', '#5ec962', '#addc30', '#fde725',
] as const;

/** From low to high, without the ends that can't be told from the page. */
export function rampOf(theme: Theme): readonly string[] {
  return theme === 'dark' ? VIRIDIS.slice(2) : VIRIDIS.slice(0, -1);
}

/** How many points each class has, by its number; null where the labels are no classes. */
export function classesOf(cloud: Cloud): Map<number, number> | null {
  if (cloud.label === null) return null;
  const counts = new Map<number, number>();
  for (const label of cloud.label) {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    if (!Number.isInteger(label) || counts.size > CLASSES_MAX) return null;
  }
  return new Map([...counts].sort(([a], [b]) => a - b));
}

/** What a cloud can be coloured by, the one that it begins with first. */
export function tintsOf(cloud: Cloud, classes: Map<number, number> | null): Tint[] {
  const named: Tint[] = [
    ...(cloud.rgb ? ['own' as const] : []),
    ...(classes ? ['class' as const] : []),
    ...(cloud.label ? ['label' as const] : []),
  ];
  return [...named, 'z', 'x', 'y'];
}

/** The lowest and highest value that a tint shows. */
export function spanOf(cloud: Cloud, tint: Tint): [number, number] {
  const axis = ['x', 'y', 'z'].indexOf(tint);
  if (axis >= 0) return [cloud.low[axis]!, cloud.high[axis]!];
  let [low, high] = [Infinity, -Infinity];
  for (const label of cloud.label ?? []) {
    if (label < low && label !== -Infinity) low = label;
    if (label > high && label !== Infinity) high = label;
  }
  return low <= high ? [low, high] : [0, 0];
}

/** A pixel for each point; 0 for those of classes that are hidden, grey for what is no number. */
export function colored(
  cloud: Cloud, tint: Tint, theme: Theme, hidden: ReadonlySet<number>,
): Uint32Array {
  if (tint === 'own' && cloud.rgb) return cloud.rgb;
  const colors = new Uint32Array(cloud.shown);
  if (tint === 'class' && cloud.label) {
    const known = new Map<number, number>();
    cloud.label.forEach((label, i) => {
      let color = known.get(label);
      if (color === undefined) {
        color = hidden.has(label) ? 0 : pixelOf(classColor(label, theme));
        known.set(label, color);
      }
      colors[i] = color;
    });
    return colors;
  }
  const ramp = shadesOf(rampOf(theme));
  const grey = pixelOf('#808080');
  const [low, high] = spanOf(cloud, tint);
  const axis = ['x', 'y', 'z'].indexOf(tint);
  for (let i = 0; i < cloud.shown; i++) {
    const value = axis < 0 ? cloud.label![i]! : cloud.xyz[3 * i + axis]! + cloud.origin[axis]!;
    const part = (value - low) / (high - low || 1);
    const shade = Math.round(Math.min(1, Math.max(0, part)) * (SHADES - 1));
    colors[i] = ramp[shade] ?? grey;
  }
  return colors;
}

function shadesOf(ramp: readonly string[]): Uint32Array {
  return Uint32Array.from({ length: SHADES }, (_, shade) => {
    const at = (shade / (SHADES - 1)) * (ramp.length - 1);
    const from = Math.min(ramp.length - 2, Math.floor(at));
    return mixed(pixelOf(ramp[from]!), pixelOf(ramp[from + 1]!), at - from);
  });
}

function mixed(one: number, other: number, part: number): number {
  const channel = (shift: number): number => {
    const [a, b] = [(one >> shift) & 255, (other >> shift) & 255];
    return Math.round(a + (b - a) * part) << shift;
  };
  return ((255 << 24) | channel(16) | channel(8) | channel(0)) >>> 0;
}
