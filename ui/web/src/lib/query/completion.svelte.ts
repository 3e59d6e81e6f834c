/** The list of suggestions below a query as state: asked while typing, walked by arrows. */

import { isAbort } from '../api/client';
import { placeAt, type Suggestion, suggestions } from './complete';

/** Keys that follow each other faster than this share a request. */
const ASK_MS = 60;

export class Completion {
  listed = $state.raw<readonly Suggestion[]>([]);
  /** Which one the arrow keys have reached; -1 is none. */
  chosen = $state(-1);
  #control: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Somebody typed: offer what fits at the caret. */
  typed(query: string, caret: number): void {
    this.#control?.abort();
    clearTimeout(this.#timer);
    const place = placeAt(query, caret);
    if (!place) return this.close();
    const { signal } = (this.#control = new AbortController());
    this.#timer = setTimeout(() => {
      suggestions(place, signal).then(
        (found) => {
          if (signal.aborted) return;
          this.listed = found;
          this.chosen = -1;
        },
        (reason: unknown) => {
          // Without suggestions a query can be typed all the same; the header shows who is away.
          if (!isAbort(reason)) this.close();
        },
      );
    }, ASK_MS);
  }

  close(): void {
    this.#control?.abort();
    clearTimeout(this.#timer);
    this.listed = [];
    this.chosen = -1;
  }

  /** Go up or down the list, around its ends; false where there is none. */
  walk(direction: 1 | -1): boolean {
    const count = this.listed.length;
    if (!count) return false;
    const from = this.chosen < 0 && direction < 0 ? 0 : this.chosen;
    this.chosen = (from + direction + count) % count;
    return true;
  }

  /** The one that was reached; with `first`, the first one where none was. */
  picked(first: boolean): Suggestion | null {
    return this.listed[this.chosen] ?? (first ? (this.listed[0] ?? null) : null);
  }
}
