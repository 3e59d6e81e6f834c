/**
 * The address bar as state.
 *
 * Which page is shown, and what the query string says.
 */

import { BASE } from '../api/client';

/** Pages that one word of the path names. */
const PLAIN = ['runs', 'metrics', 'search', 'bookmarks', 'tags', 'settings'] as const;

export type Page =
  | { name: 'home' }
  | { name: (typeof PLAIN)[number] }
  /** `tab` is '' on the run's first one. */
  | { name: 'run'; id: string; tab: string }
  | { name: 'lost'; path: string };

export type PageName = Page['name'];

/** The path below the app's base, without a leading slash: "runs/abc". */
export function pathBelow(url: URL, base: string): string {
  const root = new URL(base).pathname;
  return url.pathname.startsWith(root) ? url.pathname.slice(root.length) : url.pathname;
}

export function pageOf(path: string): Page {
  const parts = path.split('/').filter((part) => part !== '');
  const [first, second, tab = ''] = parts;
  if (first === undefined) return { name: 'home' };
  const plain = PLAIN.find((name) => name === first);
  if (plain !== undefined && parts.length === 1) return { name: plain };
  const id = first === 'runs' && parts.length <= 3 ? decoded(second) : null;
  return id === null ? { name: 'lost', path } : { name: 'run', id, tab };
}

/** Null for nothing, and for what is no encoded text, such as half of an escape. */
function decoded(part: string | undefined): string | null {
  try {
    return part === undefined ? null : decodeURIComponent(part);
  } catch {
    return null;
  }
}

/** Address of a run's own page, or of one of its tabs, relative to the base. */
export function runHref(id: string, tab = ''): string {
  return `runs/${encodeURIComponent(id)}${tab === '' ? '' : `/${tab}`}`;
}

/** Address of the curves that a query picks, relative to the base. */
export function metricsHref(query: string): string {
  return `metrics?${new URLSearchParams({ q: query }).toString()}`;
}

const startUrl = typeof location === 'undefined' ? BASE : location.href;

class Route {
  private url = $state.raw(new URL(startUrl));

  /** The path below the base: "runs/abc". */
  readonly path: string = $derived(pathBelow(this.url, BASE));
  readonly page: Page = $derived(pageOf(this.path));
  /** The query string. Read only: write through `set`. */
  readonly params: URLSearchParams = $derived(this.url.searchParams);
  /** What stands behind the "#", without it. */
  readonly hash: string = $derived(this.url.hash.slice(1));
  /** The whole address below the base, as a bookmark keeps it. */
  readonly href: string = $derived(
    this.path + this.url.search + this.url.hash,
  );

  /** To another page; a step that the back button undoes, unless it replaces this one. */
  go(href: string, options: { replace?: boolean } = {}): void {
    const next = new URL(href, BASE);
    if (next.href === this.url.href) return;
    if (options.replace) history.replaceState(history.state, '', next);
    else history.pushState(null, '', next);
    this.url = next;
  }

  /**
   * Changes parts of the query string; null takes a part away, a list repeats it. `replace` is for
   * states on the way to another one, such as a drag: the back button then skips them.
   */
  set(patch: Record<string, string | string[] | null>, options: { replace?: boolean } = {}): void {
    const next = new URL(this.url);
    for (const [key, value] of Object.entries(patch)) {
      next.searchParams.delete(key);
      for (const one of [value ?? []].flat()) next.searchParams.append(key, one);
    }
    if (next.href === this.url.href) return;
    if (options.replace) history.replaceState(history.state, '', next);
    else history.pushState(null, '', next);
    this.url = next;
  }

  /** Follows the back button and plain links within the app. Returns the way to stop. */
  listen(): () => void {
    const popped = () => (this.url = new URL(location.href));
    const clicked = (event: MouseEvent) => this.followLink(event);
    addEventListener('popstate', popped);
    addEventListener('click', clicked);
    return () => {
      removeEventListener('popstate', popped);
      removeEventListener('click', clicked);
    };
  }

  private followLink(event: MouseEvent): void {
    // A modifier or another button asks the browser for a new tab: leave that to it.
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || link.target !== '' || link.hasAttribute('download')) return;
    if (!link.href.startsWith(BASE) || link.href.startsWith(`${BASE}api/`)) return;
    event.preventDefault();
    this.go(link.href);
  }
}

export const route = new Route();

/**
 * Makes the base absolute. The server may name it relative to the first page ("../"), and a
 * relative base would move with every history entry.
 */
export function pinBase(): void {
  const element = document.querySelector('base');
  if (element !== null) element.href = BASE;
}
