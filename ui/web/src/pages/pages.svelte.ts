/** The pages, each a file of its own that comes when it is first asked for. */

import type { Component } from 'svelte';
import { asApiError, type ApiError } from '../lib/api/client';
import type { PageName } from '../lib/state/route.svelte';

/** Of the address a page takes what its name leaves open: the run's id, the path that is none. */
interface PageProps {
  id?: string;
  path?: string;
}

type PageComponent = Component<PageProps>;
type Loader = () => Promise<{ default: Component<never> }>;

const LOADERS: Record<PageName, Loader> = {
  home: () => import('./home/HomePage.svelte'),
  runs: () => import('./runs/RunsPage.svelte'),
  run: () => import('./run/RunPage.svelte'),
  metrics: () => import('./metrics/Metrics.svelte'),
  search: () => import('./search/SearchPage.svelte'),
  bookmarks: () => import('./bookmarks/BookmarksPage.svelte'),
  tags: () => import('./tags/TagsPage.svelte'),
  settings: () => import('./settings/SettingsPage.svelte'),
  lost: () => import('./LostPage.svelte'),
};

class Pages {
  private came = $state.raw<ReadonlyMap<PageName, PageComponent>>(new Map());
  /** Why the page that was asked for last did not come. */
  error = $state.raw<ApiError | null>(null);

  /** The page if its code is here, so that a page once seen is shown within the same frame. */
  component(name: PageName): PageComponent | undefined {
    return this.came.get(name);
  }

  /** Fetches the code of a page. */
  async load(name: PageName): Promise<void> {
    if (this.came.has(name)) return;
    try {
      await this.fetch(name);
      this.error = null;
    } catch (reason) {
      // The server is gone, or has another version by now: loading the address again helps.
      this.error = asApiError(reason);
    }
  }

  /** Fetches all others one by one while nothing else is to be done, so that no click waits. */
  async prefetch(): Promise<void> {
    for (const name of Object.keys(LOADERS) as PageName[]) {
      await idle();
      // Nobody asked for it yet; whoever opens it is told.
      await this.fetch(name).catch(() => undefined);
    }
  }

  private async fetch(name: PageName): Promise<void> {
    if (this.came.has(name)) return;
    const component = (await LOADERS[name]()).default as PageComponent;
    this.came = new Map([...this.came, [name, component]]);
  }
}

function idle(): Promise<void> {
  return new Promise((resolve) => {
    if ('requestIdleCallback' in globalThis) requestIdleCallback(() => resolve());
    else setTimeout(resolve, 200);
  });
}

export const pages = new Pages();
