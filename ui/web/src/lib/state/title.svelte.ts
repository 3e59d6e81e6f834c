/**
 * The name of the thing on screen.
 *
 * It stands in the last breadcrumb and in the browser's tab.
 */

class Title {
  /** Null when the page's own name says it all. */
  detail = $state<string | null>(null);
}

export const title = new Title();
