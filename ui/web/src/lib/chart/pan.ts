/** A drag that moves the x range: with Shift, or with the middle button. */

import type { Range } from './model';
import type { ScaleKind } from './scales';
import { shifted } from './wheel';

/** Whether a press begins such a drag; any other one draws a box to zoom into. */
export function isPan(event: MouseEvent): boolean {
  return event.button === 1 || (event.button === 0 && event.shiftKey);
}

/** Follow drags over a plot. `view` says what is visible at the start. Returns the way to stop. */
export function followPans(
  surface: HTMLElement,
  view: () => { x: Range; scale: ScaleKind },
  onmove: (x: Range) => void,
): () => void {
  let ended: AbortController | null = null;
  let moved = false;

  function pressed(event: MouseEvent): void {
    moved = false;
    if (!isPan(event)) return;
    event.preventDefault();
    const { x, scale } = view();
    const width = surface.clientWidth || 1;
    ended?.abort();
    ended = new AbortController();
    const { signal } = ended;
    addEventListener('mousemove', (now) => {
      const share = (event.clientX - now.clientX) / width;
      moved ||= share !== 0;
      if (moved) onmove(shifted(x, share, scale));
    }, { signal });
    addEventListener('mouseup', () => ended?.abort(), { signal });
  }

  /** The click at the end of a drag means no point. */
  function clicked(event: MouseEvent): void {
    if (moved) event.stopImmediatePropagation();
    moved = false;
  }

  surface.addEventListener('mousedown', pressed);
  surface.addEventListener('click', clicked, { capture: true });
  return () => {
    ended?.abort();
    surface.removeEventListener('mousedown', pressed);
    surface.removeEventListener('click', clicked, { capture: true });
  };
}
