/**
 * Points as squares of pixels, the nearest in front.
 *
 * Drawn by the processor: a page has few graphics contexts, many machines have no graphics card,
 * and a cloud of this size does not need one.
 */

import { basisOf, focalOf, type Camera } from './camera';
import type { Cloud } from './cloud';

export interface Surface {
  width: number;
  height: number;
  /** Of each pixel the point that is seen there, from 1 on; 0 is none. */
  point: Uint32Array;
  /** How far that is. */
  depth: Float32Array;
}

/** No square is larger: near a point one sees that it is one. */
const SIDE_PX_MAX = 9;
/** Of the distance of what is looked at: what is nearer is behind one's eyes. */
const NEAREST = 0.02;
/** How much darker it is behind an edge, and how far an edge reaches at most. */
const EDGE = 1.4;
const EDGE_MAX = 0.55;

/** How large points are drawn: `spacing` in the cloud's own measure, and in pixels at least. */
export interface Size {
  spacing: number;
  leastPx: number;
}

export function surfaceOf(width: number, height: number): Surface {
  const pixels = width * height;
  return { width, height, point: new Uint32Array(pixels), depth: new Float32Array(pixels) };
}

/** A place in pixels of the surface, and how far it is; negative behind one's eyes. */
export function projected(
  camera: Camera, { width, height }: Pick<Surface, 'width' | 'height'>, at: readonly number[],
): [number, number, number] {
  const { right, up, forward } = basisOf(camera);
  const dot = (axis: readonly number[]): number => (
    axis.reduce((sum, part, i) => sum + part * (at[i]! - camera.target[i]!), 0)
  );
  const far = dot(forward) + camera.distance;
  const scale = focalOf(height) / far;
  return [width / 2 + dot(right) * scale, height / 2 - dot(up) * scale, far];
}

/** Finds the nearest point of each pixel among the first `count`. Those of colour 0 are hidden. */
export function splat(
  surface: Surface, cloud: Cloud, camera: Camera, colors: Uint32Array, count: number,
  { spacing, leastPx }: Size,
): void {
  const { width, height, point, depth } = surface;
  const { xyz, origin } = cloud;
  const { right, up, forward } = basisOf(camera);
  const focal = focalOf(height);
  const nearest = camera.distance * NEAREST;
  const [ox, oy, oz] = origin.map((at, axis) => at - camera.target[axis]!) as [
    number, number, number,
  ];
  point.fill(0);
  depth.fill(Infinity);
  for (let i = 0; i < count; i++) {
    if (colors[i] === 0) continue;
    const x = xyz[3 * i]! + ox;
    const y = xyz[3 * i + 1]! + oy;
    const z = xyz[3 * i + 2]! + oz;
    const far = forward[0] * x + forward[1] * y + forward[2] * z + camera.distance;
    if (far < nearest) continue;
    const scale = focal / far;
    const side = Math.min(SIDE_PX_MAX, Math.max(leastPx, Math.round(spacing * scale)));
    const left = Math.round(width / 2 + (right[0] * x + right[1] * y) * scale - side / 2);
    const top = Math.round(
      height / 2 - (up[0] * x + up[1] * y + up[2] * z) * scale - side / 2,
    );
    if (left + side <= 0 || top + side <= 0 || left >= width || top >= height) continue;
    const [x1, y1] = [Math.min(width, left + side), Math.min(height, top + side)];
    for (let row = Math.max(0, top); row < y1; row++) {
      for (let at = row * width + Math.max(0, left), end = row * width + x1; at < end; at++) {
        if (far >= depth[at]!) continue;
        depth[at] = far;
        point[at] = i + 1;
      }
    }
  }
}

/**
 * The colours of what is seen. What lies behind an edge is darker, by how much further it is than
 * its neighbours: without it a cloud is a flat stain.
 */
export function shaded(surface: Surface, colors: Uint32Array, pixels: Uint32Array): void {
  const { width, height, point, depth } = surface;
  for (let at = 0; at < pixels.length; at++) {
    const seen = point[at]!;
    if (seen === 0) {
      pixels[at] = 0;
      continue;
    }
    const far = depth[at]!;
    const column = at % width;
    let edge = 0;
    if (column > 0) edge += behind(far, depth[at - 1]!);
    if (column < width - 1) edge += behind(far, depth[at + 1]!);
    if (at >= width) edge += behind(far, depth[at - width]!);
    if (at < width * (height - 1)) edge += behind(far, depth[at + width]!);
    const light = 256 * (1 - Math.min(EDGE_MAX, EDGE * edge));
    const color = colors[seen - 1]!;
    const red = ((color & 255) * light) >> 8;
    const green = (((color >> 8) & 255) * light) >> 8;
    const blue = (((color >> 16) & 255) * light) >> 8;
    pixels[at] = (255 << 24) | (blue << 16) | (green << 8) | red;
  }
}

function behind(far: number, other: number): number {
  return other < far ? (far - other) / far : 0;
}

/** The point that is seen nearest to a pixel, within `reach` pixels; -1 if none is. */
export function pointAt({ width, height, point }: Surface, x: number, y: number, reach: number) {
  let best = -1;
  let least = Infinity;
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const [column, row] = [Math.round(x) + dx, Math.round(y) + dy];
      if (column < 0 || row < 0 || column >= width || row >= height) continue;
      const seen = point[row * width + column]!;
      const away = dx * dx + dy * dy;
      if (seen > 0 && away < least) [best, least] = [seen - 1, away];
    }
  }
  return best;
}
