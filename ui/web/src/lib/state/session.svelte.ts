/** Who is signed in, and what they may. */

import { isAbort, onAskedWho } from '../api/client';
import { getSession, type Session } from '../api/session';

class SessionState {
  /** Null until it was read, and on a server that can't be heard. */
  session = $state.raw<Session | null>(null);
  /** The server asks who one is, and does not know this browser. */
  signedOut = $state(false);

  /** Until more is known a person may: the server has the last word. */
  readonly mayWrite: boolean = $derived(this.session?.may.includes('write') ?? true);
  /** Why something can't be done, to be shown where it would be. */
  readonly whyNot: string | undefined = $derived(
    this.mayWrite ? undefined
    : `You are signed in as a ${this.session?.role}, who may look and change nothing`,
  );

  /** Reads it, and hears when the server asks who one is. Returns the way to stop. */
  listen(): () => void {
    void this.read();
    return onAskedWho(() => (this.signedOut = true));
  }

  /** Asks who is signed in; whoever signed in elsewhere in this browser is so here as well. */
  async read(): Promise<void> {
    try {
      this.session = await getSession();
      this.signedOut = false;
    } catch (reason) {
      // Who is asked is heard of by itself; of a server that is gone others tell.
      if (!isAbort(reason)) this.session = null;
    }
  }
}

export const session = new SessionState();
