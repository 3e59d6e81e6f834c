/** Masks as class ids, and as pixels of their colours. */

import { call } from '../../../lib/api/client';
import { readGrey, type Grey } from './grey';

export interface Mask extends Grey {
  /** How many pixels of the whole mask each class has, however small this copy of it is. */
  counts: ReadonlyMap<number, number>;
}

/** Reads a mask; one that is longer than `side` pixels is kept smaller, with pixels of its own. */
export async function readMask(blob: string, side: number, signal: AbortSignal): Promise<Mask> {
  const answer = await call(`blobs/${blob}`, { signal });
  return smaller(await readGrey(await answer.arrayBuffer()), side);
}

/** Nearest pixels: between two classes there is none. */
export function smaller(grey: Grey, side: number): Mask {
  const counts = countsOf(grey.levels);
  const every = Math.max(grey.width, grey.height) / side;
  if (every <= 1) return { ...grey, counts };
  const width = Math.max(1, Math.round(grey.width / every));
  const height = Math.max(1, Math.round(grey.height / every));
  const levels = new (grey.levels instanceof Uint8Array ? Uint8Array : Uint16Array)(width * height);
  for (let y = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * grey.height) / height) * grey.width;
    for (let x = 0; x < width; x++) {
      levels[y * width + x] = grey.levels[row + Math.floor(((x + 0.5) * grey.width) / width)]!;
    }
  }
  return { width, height, levels, counts };
}

function countsOf(levels: Grey['levels']): Map<number, number> {
  const counts = new Uint32Array(levels instanceof Uint8Array ? 1 << 8 : 1 << 16);
  for (const level of levels) counts[level]!++;
  return new Map([...counts.entries()].filter(([, count]) => count > 0));
}

/** "#rrggbb" as a pixel of a canvas, which has its bytes as red, green, blue and alpha. */
export function pixelOf(color: string, alpha = 255): number {
  const rgb = Number.parseInt(color.slice(1), 16);
  const [red, green, blue] = [rgb >> 16, (rgb >> 8) & 255, rgb & 255];
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** The pixels of a mask; `colorOf` gives a class its pixel, 0 where nothing is to be seen. */
export function paintedMask(mask: Mask, colorOf: (id: number) => number): ImageData {
  const colors = new Uint32Array(1 << 16);
  for (const id of mask.counts.keys()) colors[id] = colorOf(id);
  const image = new ImageData(mask.width, mask.height);
  const pixels = new Uint32Array(image.data.buffer);
  mask.levels.forEach((level, at) => (pixels[at] = colors[level]!));
  return image;
}
