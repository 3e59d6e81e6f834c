/** The name of the thing on screen, for the last breadcrumb and the browser tab. */

class Title {
  /** Null when the page's own name says it all. */
  detail = $state<string | null>(null);
}

export const title = new Title();
