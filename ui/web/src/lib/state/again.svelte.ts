/** What was not answered is asked again by itself, where that may help. */

import { OFFLINE, type ApiError } from '../api/client';

/** Soon enough for who waits, seldom enough for a server that is busy. */
const AGAIN_MS = 2_000;

/** While views are made, or the server is away, `ask` comes again. Of a component's set-up. */
export function askAgain(error: () => ApiError | null, ask: (() => void) | undefined): void {
  $effect(() => {
    const failed = error();
    if (failed === null || !(failed.passing || failed.code === OFFLINE)) return;
    const timer = setTimeout(() => ask?.(), AGAIN_MS);
    return () => clearTimeout(timer);
  });
}
