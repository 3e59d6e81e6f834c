/** Which classes over images are shown, and how strong masks are: in the address, for all cards. */

import { GROUPS_8, wheelColor } from '../../../lib/color/palettes';
import { route } from '../../../lib/state/route.svelte';
import type { Theme } from '../../../lib/state/theme.svelte';
import type { Layer } from './overlays';

const OPACITY = 0.5;

/** A class of a group, or the whole group: what can be hidden. */
export function layerKey({ kind, group }: Pick<Layer, 'kind' | 'group'>, id?: string): string {
  const words = id === undefined ? [kind, group] : [kind, group, id];
  return words.map(encodeURIComponent).join('/');
}

class LayerChoice {
  private readonly hidden: ReadonlySet<string> = $derived(new Set(route.params.getAll('hide')));
  /** Of masks, 0 to 1. */
  readonly opacity: number = $derived.by(() => {
    const asked = Number(route.params.get('opacity') ?? OPACITY);
    return Number.isFinite(asked) ? Math.min(1, Math.max(0, asked)) : OPACITY;
  });
  /** The class that is pointed at: others step back. */
  lit = $state<string | null>(null);

  /** False if it is hidden, or the group that it is of. */
  shows(layer: Pick<Layer, 'kind' | 'group'>, id?: string): boolean {
    if (this.hidden.has(layerKey(layer))) return false;
    return id === undefined || !this.hidden.has(layerKey(layer, id));
  }

  flip(layer: Pick<Layer, 'kind' | 'group'>, id?: string): void {
    const next = new Set(this.hidden);
    const key = layerKey(layer, id);
    if (!next.delete(key)) next.add(key);
    // A class of a hidden group that is asked for shows its group again.
    if (id !== undefined && next.delete(layerKey(layer))) next.delete(key);
    route.set({ hide: [...next] }, { replace: true });
  }

  setOpacity(value: number): void {
    route.set({ opacity: value === OPACITY ? null : String(value) }, { replace: true });
  }
}

export const layerChoice = new LayerChoice();

/** A class has one colour in all layers of all images. Odd ids of boxes have that of 0. */
export function classColor(id: string | number, theme: Theme): string {
  const index = Math.abs(Math.trunc(Number(id) || 0));
  return GROUPS_8[theme][index] ?? wheelColor(index, theme);
}

/** Of a mask class 0 is the background, unless it has a name. */
export function isBackground(layer: Layer, id: number): boolean {
  return id === 0 && layer.kind === 'masks' && !layer.labels.has('0');
}
