/** What lies over an image: groups of boxes and of masks, as VALUES.md of the tracker has them. */

import type { Value } from '../../../lib/api/run';
import type { Json, Params } from '../../../lib/api/types';
import { blobJson } from './bytes';

export interface Box {
  /** A class id as text; '' for none. */
  class: string;
  label: string;
  /** Left, top, width and height in fractions of the picture. */
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Layer {
  kind: 'boxes' | 'masks';
  group: string;
  /** Names of classes by their ids. */
  labels: ReadonlyMap<string, string>;
  /** Of a group of boxes. */
  boxes: readonly Box[];
  /** Of a mask: the blob of a grey PNG whose levels are class ids. */
  blob: string;
}

function mapOf(value: Json | undefined): Params {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
}

/** True for a value that says itself, or in a blob, what lies over it. */
export function hasOverlays(value: Value): boolean {
  const { boxes, masks, overlays } = value.attributes ?? {};
  return [boxes, masks, overlays].some((one) => one !== undefined);
}

/** The layers over a value's picture, masks first: boxes are drawn over them. */
export async function layersOf(value: Value, signal: AbortSignal): Promise<Layer[]> {
  const { overlays } = value.attributes ?? {};
  if (typeof overlays !== 'string') return readLayers(value.attributes ?? {});
  return readLayers(await blobJson<Params>(overlays, signal));
}

/** Whatever is not as it should be is left out. */
export function readLayers(attributes: Params): Layer[] {
  const masks = Object.entries(mapOf(attributes.masks)).flatMap(([group, content]) => {
    const { blob, labels } = mapOf(content);
    if (typeof blob !== 'string') return [];
    return [{ kind: 'masks' as const, group, labels: namesOf(labels), boxes: [], blob }];
  });
  const boxes = Object.entries(mapOf(attributes.boxes)).map(([group, content]) => {
    const names = namesOf(mapOf(content).labels);
    const list = mapOf(content).boxes;
    const read = (Array.isArray(list) ? list : []).flatMap((box) => readBox(mapOf(box), names));
    return { kind: 'boxes' as const, group, labels: names, boxes: read, blob: '' };
  });
  return [...masks, ...boxes];
}

function namesOf(labels: Json | undefined): Map<string, string> {
  return new Map(Object.entries(mapOf(labels)).map(([id, name]) => [id, String(name)]));
}

function readBox(box: Params, names: ReadonlyMap<string, string>): Box[] {
  const at = Array.isArray(box.at) ? box.at.map(Number) : [];
  if (at.length !== 4 || !at.every(Number.isFinite)) return [];
  const [left, top, right, bottom] = at as [number, number, number, number];
  const kind = box.class === undefined || box.class === null ? '' : String(box.class);
  const name = String(box.caption ?? names.get(kind) ?? kind);
  const label = [name, scored(mapOf(box.scores))].filter(Boolean).join(' ');
  return [{ class: kind, label, x: left, y: top, width: right - left, height: bottom - top }];
}

function scored(scores: Params): string {
  return Object.entries(scores)
    .filter(([, score]) => typeof score === 'number')
    .map(([name, score]) => `${name} ${(score as number).toFixed(2)}`)
    .join(' ');
}

/** All boxes of a class as one path, in pixels of the picture: thousands are drawn as one. */
export function pathOf(boxes: readonly Box[], width: number, height: number): string {
  return boxes
    .map((box) => {
      const [x, y] = [box.x * width, box.y * height];
      const [w, h] = [box.width * width, box.height * height];
      return `M${x} ${y}h${w}v${h}h${-w}z`;
    })
    .join('');
}
