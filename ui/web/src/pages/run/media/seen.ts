/** The classes of the layers over some images, gathered as their masks come. */

import { formatCount } from '../../../lib/format/number';
import { isBackground, layerChoice, layerKey } from './layers.svelte';
import type { Mask } from './masks';
import type { Layer } from './overlays';

export interface SeenClass {
  id: string;
  name: string;
  /** Its boxes, or its part of the picture. */
  share: string;
}

export interface SeenLayer {
  layer: Layer;
  classes: readonly SeenClass[];
}

type Masks = ReadonlyMap<string, Mask>;

/** Each group once, with the classes that it names and those that are there. */
export function seenIn(
  images: Iterable<{ layers: readonly Layer[]; masks: Masks }>,
): SeenLayer[] {
  const groups = new Map<string, { layer: Layer; classes: Map<string, Found> }>();
  for (const { layers, masks } of images) {
    for (const layer of layers) {
      const key = layerKey(layer);
      const group = groups.get(key) ?? { layer, classes: new Map<string, Found>() };
      groups.set(key, group);
      for (const [id, name] of layer.labels) foundOf(group.classes, id).name = name;
      for (const box of layer.boxes) foundOf(group.classes, box.class).boxes += 1;
      addPixels(group.classes, layer, masks.get(key));
    }
  }
  return [...groups.values()].map(({ layer, classes }) => ({
    layer, classes: [...classes].sort(byId).map(([id, found]) => told(layer, id, found)),
  }));
}

interface Found {
  name: string;
  boxes: number;
  pixels: number;
  of: number;
}

function foundOf(classes: Map<string, Found>, id: string): Found {
  const found = classes.get(id) ?? { name: '', boxes: 0, pixels: 0, of: 0 };
  classes.set(id, found);
  return found;
}

function addPixels(classes: Map<string, Found>, layer: Layer, mask: Mask | undefined): void {
  if (mask === undefined) return;
  const all = [...mask.counts.values()].reduce((sum, count) => sum + count, 0);
  for (const [id, count] of mask.counts) {
    if (isBackground(layer, id)) continue;
    const found = foundOf(classes, String(id));
    found.pixels += count;
    found.of += all;
  }
}

function told(layer: Layer, id: string, found: Found): SeenClass {
  const part = found.of === 0 ? 0 : (100 * found.pixels) / found.of;
  const pixels = part > 0 && part < 0.1 ? '< 0.1 %' : `${part.toFixed(1)} %`;
  const share = layer.kind === 'boxes' ? formatCount(found.boxes) : pixels;
  return { id, name: found.name || (id === '' ? 'no class' : `class ${id}`), share };
}

function byId([a]: [string, Found], [b]: [string, Found]): number {
  return Number(a) - Number(b) || a.localeCompare(b, 'en');
}

/** The names of what lies at a place of the picture, as far as it is shown. */
export function classesAt(
  layers: readonly Layer[], masks: Masks, [x, y]: readonly [number, number],
): string[] {
  const names = layers.flatMap((layer) => {
    if (layer.kind === 'boxes') {
      return layer.boxes
        .filter((box) => x >= box.x && x < box.x + box.width)
        .filter((box) => y >= box.y && y < box.y + box.height)
        .filter((box) => layerChoice.shows(layer, box.class))
        .map((box) => box.label || 'no class');
    }
    const mask = masks.get(layerKey(layer));
    if (mask === undefined) return [];
    const { width, height, levels } = mask;
    const id = levels[Math.floor(y * height) * width + Math.floor(x * width)]!;
    if (isBackground(layer, id) || !layerChoice.shows(layer, String(id))) return [];
    return [`${layer.group}: ${layer.labels.get(String(id)) ?? `class ${id}`}`];
  });
  return [...new Set(names)];
}
