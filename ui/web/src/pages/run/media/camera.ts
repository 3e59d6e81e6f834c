/** From where a cloud is seen: a place on a sphere around what is looked at, with z upwards. */

import type { Cloud, Vector } from './cloud';

export interface Camera {
  /** What is looked at. */
  target: Vector;
  /** Around z, in radians; 0 looks along x from its far end. */
  yaw: number;
  /** Above the plane of x and y, in radians. */
  pitch: number;
  distance: number;
}

/** A cloud from above its corner: nothing of it hides behind the rest. */
const YAW = -Math.PI / 4;
const PITCH = Math.PI / 6;
const STEEPEST = Math.PI / 2;
/** Half of the angle that is seen from top to bottom: 2 · atan(0.4) is 44°. */
const HALF_SPAN = 0.4;
/** Not all of the sphere around a cloud has points. */
const CLOSENESS = 0.92;
/** Of points along an axis so many parts may lie beyond what is seen at first, on each side. */
const BEYOND = 0.005;
/** So many of them tell where almost all are. */
const LOOKED_AT = 4_000;

export type Side = 'top' | 'front' | 'right';

const SIDES: Readonly<Record<Side, Pick<Camera, 'yaw' | 'pitch'>>> = {
  top: { yaw: -Math.PI / 2, pitch: STEEPEST },
  front: { yaw: -Math.PI / 2, pitch: 0 },
  right: { yaw: 0, pitch: 0 },
};

export interface Basis {
  right: Vector;
  up: Vector;
  forward: Vector;
}

export function basisOf({ yaw, pitch }: Pick<Camera, 'yaw' | 'pitch'>): Basis {
  const [sinYaw, cosYaw] = [Math.sin(yaw), Math.cos(yaw)];
  const [sinPitch, cosPitch] = [Math.sin(pitch), Math.cos(pitch)];
  return {
    right: [-sinYaw, cosYaw, 0],
    up: [-sinPitch * cosYaw, -sinPitch * sinYaw, cosPitch],
    forward: [-cosPitch * cosYaw, -cosPitch * sinYaw, -sinPitch],
  };
}

/** Pixels of a length of 1 at a distance of 1. */
export function focalOf(heightPx: number): number {
  return heightPx / 2 / HALF_SPAN;
}

/** Sees all of a cloud, but for a few points far outside. */
export function fitted(cloud: Cloud): Camera {
  const sample = Math.min(cloud.shown, LOOKED_AT);
  const edges = [0, 1, 2].map((axis) => {
    const values = Array.from({ length: sample }, (_, i) => cloud.xyz[3 * i + axis]!);
    values.sort((a, b) => a - b);
    const beyond = Math.floor(sample * BEYOND);
    return [values[beyond] ?? 0, values[sample - 1 - beyond] ?? 0] as const;
  });
  const target = edges.map(([low, high], axis) => cloud.origin[axis]! + (low + high) / 2) as Vector;
  const radius = Math.hypot(...edges.map(([low, high]) => (high - low) / 2));
  return { target, yaw: YAW, pitch: PITCH, distance: (CLOSENESS * (radius || 1)) / HALF_SPAN };
}

export function seenFrom(camera: Camera, side: Side): Camera {
  return { ...camera, ...SIDES[side] };
}

/** Around what is looked at, by angles in radians. */
export function turned(camera: Camera, yaw: number, pitch: number): Camera {
  const steep = Math.min(STEEPEST, Math.max(-STEEPEST, camera.pitch + pitch));
  return { ...camera, yaw: camera.yaw + yaw, pitch: steep };
}

/** What is looked at moves with the pointer, by parts of the height that is seen. */
export function moved(camera: Camera, right: number, down: number): Camera {
  const basis = basisOf(camera);
  const span = 2 * HALF_SPAN * camera.distance;
  const target = camera.target.map((at, axis) => (
    at - right * span * basis.right[axis]! + down * span * basis.up[axis]!
  )) as Vector;
  return { ...camera, target };
}

/** Further away by a factor; nearer below 1. */
export function withdrawn(camera: Camera, factor: number): Camera {
  const distance = camera.distance * factor;
  return distance > 1e-12 && distance < 1e12 ? { ...camera, distance } : camera;
}
