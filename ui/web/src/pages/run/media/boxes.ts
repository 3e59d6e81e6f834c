/** Boxes over an image, as its attributes have them. */

import type { Value } from '../../../lib/api/run';
import type { Json } from '../../../lib/api/types';

export interface Box {
  group: string;
  label: string;
  /** Left, top, width and height in fractions of the picture. */
  x: number;
  y: number;
  width: number;
  height: number;
  /** Which colour of the group palette it has. */
  tone: number;
}

/** More would hide the picture. */
const BOXES_MAX = 500;
const TONES = 8;

type Map = { [key: string]: Json };

function mapOf(value: Json | undefined): Map {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
}

function scored(scores: Map): string {
  return Object.entries(scores)
    .filter(([, score]) => typeof score === 'number')
    .map(([name, score]) => `${name} ${(score as number).toFixed(2)}`)
    .join(' ');
}

/** The boxes of all groups; whatever is not as it should be is left out. */
export function boxesOf(value: Value): Box[] {
  const boxes: Box[] = [];
  for (const [group, content] of Object.entries(mapOf(value.attributes?.boxes))) {
    const labels = mapOf(mapOf(content).labels);
    const list = mapOf(content).boxes;
    for (const item of Array.isArray(list) ? list : []) {
      const box = mapOf(item);
      const at = Array.isArray(box.at) ? box.at.map(Number) : [];
      const [left = 0, top = 0, right = 0, bottom = 0] = at;
      if (at.length !== 4 || !at.every(Number.isFinite) || boxes.length >= BOXES_MAX) continue;
      const kind = box.class === undefined || box.class === null ? '' : String(box.class);
      const name = String(box.caption ?? labels[kind] ?? kind);
      const label = [name, scored(mapOf(box.scores))].filter(Boolean).join(' ');
      const tone = Math.abs(Number(box.class) || 0) % TONES;
      const [width, height] = [right - left, bottom - top];
      boxes.push({ group, label, x: left, y: top, width, height, tone });
    }
  }
  return boxes;
}
