/** The places that the rail, the keys and the palette lead to. */

import Bookmark from '@lucide/svelte/icons/bookmark';
import ChartLine from '@lucide/svelte/icons/chart-line';
import House from '@lucide/svelte/icons/house';
import List from '@lucide/svelte/icons/list';
import Search from '@lucide/svelte/icons/search';
import Settings from '@lucide/svelte/icons/settings';
import Tag from '@lucide/svelte/icons/tag';
import type { Page, PageName } from '../lib/state/route.svelte';

export interface Place {
  readonly name: string;
  readonly href: string;
  /** The second key behind "g". */
  readonly key: string;
  readonly icon: typeof House;
  /** Pages on which the place counts as the one that is shown. */
  readonly shows: readonly PageName[];
}

/** What runs say and measure. */
export const EXPLORED: readonly Place[] = [
  { name: 'Home', href: './', key: 'h', icon: House, shows: ['home'] },
  { name: 'Runs', href: 'runs', key: 'r', icon: List, shows: ['runs', 'run'] },
  { name: 'Metrics', href: 'metrics', key: 'm', icon: ChartLine, shows: ['metrics'] },
  { name: 'Search', href: 'search', key: 's', icon: Search, shows: ['search'] },
];

/** What people keep. */
export const KEPT: readonly Place[] = [
  { name: 'Bookmarks', href: 'bookmarks', key: 'b', icon: Bookmark, shows: ['bookmarks'] },
  { name: 'Tags', href: 'tags', key: 't', icon: Tag, shows: ['tags'] },
];

export const SETTINGS: Place = {
  name: 'Settings', href: 'settings', key: ',', icon: Settings, shows: ['settings'],
};

export const PLACES: readonly Place[] = [...EXPLORED, ...KEPT, SETTINGS];

/** Whether the address of a page says something that is worth a bookmark. */
export function isKept(page: Page): boolean {
  return ['runs', 'metrics', 'run', 'search'].includes(page.name);
}
