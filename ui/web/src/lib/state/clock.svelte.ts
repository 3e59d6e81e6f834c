/** The time of day as state. */

const TICK_MS = 1_000;

class Clock {
  /** Unix seconds, renewed each second. */
  now = $state(Date.now() / 1000);

  /** Starts ticking. Returns the way to stop. */
  listen(): () => void {
    const timer = setInterval(() => (this.now = Date.now() / 1000), TICK_MS);
    return () => clearInterval(timer);
  }
}

export const clock = new Clock();
