/** What helps to see where a cloud lies: the box around it, and where its axes point. */

import { basisOf, type Camera } from './camera';
import type { Cloud } from './cloud';
import { projected, type Surface } from './splat';

/** Length of an arm of the compass, and its distance to the edge, in CSS pixels. */
const ARM_PX = 22;
const INSET_PX = 34;
const LETTER_PX = 11;
const AXES = ['x', 'y', 'z'] as const;
/** Of x, y and z, as everywhere: red, green and blue. */
const TONES = ['--g1', '--g2', '--g0'] as const;

/** Corners differ in one axis along an edge: bit 0 is x, bit 1 y, bit 2 z. */
const EDGES = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((corner) => (
  [1, 2, 4].filter((bit) => !(corner & bit)).map((bit) => [corner, corner | bit] as const)
));

function token(context: CanvasRenderingContext2D, name: string): string {
  return getComputedStyle(context.canvas).getPropertyValue(name).trim();
}

export function drawBox(
  context: CanvasRenderingContext2D, surface: Surface, cloud: Cloud, camera: Camera,
): void {
  const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((corner) => (
    projected(camera, surface, [0, 1, 2].map((axis) => (
      corner & (1 << axis) ? cloud.high[axis]! : cloud.low[axis]!
    )))
  ));
  context.strokeStyle = token(context, '--line-strong');
  context.lineWidth = 1;
  context.beginPath();
  for (const [from, to] of EDGES) {
    const [a, b] = [corners[from]!, corners[to]!];
    // An edge that goes past one's eyes has no place on the screen.
    if (a[2] <= 0 || b[2] <= 0) continue;
    context.moveTo(a[0], a[1]);
    context.lineTo(b[0], b[1]);
  }
  context.stroke();
}

export function drawCompass(
  context: CanvasRenderingContext2D, { height }: Surface, camera: Camera, ratio: number,
): void {
  const { right, up } = basisOf(camera);
  const [x, y] = [INSET_PX * ratio, height - INSET_PX * ratio];
  context.font = `600 ${LETTER_PX * ratio}px ${token(context, '--font')}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.lineWidth = 1.5 * ratio;
  AXES.forEach((name, axis) => {
    const [dx, dy] = [right[axis]! * ARM_PX * ratio, -up[axis]! * ARM_PX * ratio];
    context.strokeStyle = context.fillStyle = token(context, TONES[axis]!);
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + dx, y + dy);
    context.stroke();
    // An axis that points at us or away has no room for its letter.
    if (Math.hypot(dx, dy) < (ARM_PX * ratio) / 3) return;
    context.fillText(name, x + dx * 1.4, y + dy * 1.4);
  });
}
