/** The crosshair that all charts and the table of a page share. */

/** What is under the crosshair. `series` is exact; `run` is what other charts follow. */
export interface Aim {
  readonly run: string;
  /** null when the run was pointed at outside a chart, such as in the table. */
  readonly series: number | null;
  readonly x: number | null;
  readonly source: object | null;
}

/** Something that repaints when the aim moves: a chart. */
export interface Follower {
  /** Find what the pointer is on, if it is over this follower. */
  resolve(): void;
  follow(aim: Aim | null, pins: readonly Aim[]): void;
}

/**
 * Coalesces pointer moves into one pass per frame: resolve once, repaint every follower, then tell
 * the page. Charts beyond the one under the pointer are thereby never a frame late.
 */
export class Crosshair {
  readonly #followers = new Set<Follower>();
  readonly #listeners = new Set<(aim: Aim | null, x: number | null) => void>();
  readonly #nextFrame: (callback: () => void) => void;
  #resolver: Follower | null = null;
  #asked = false;
  #aim: Aim | null = null;
  #x: number | null = null;
  #pins: readonly Aim[] = [];

  constructor(
    nextFrame: (callback: () => void) => void = (callback) => void requestAnimationFrame(callback),
  ) {
    this.#nextFrame = nextFrame;
  }

  get aim(): Aim | null {
    return this.#aim;
  }

  get pins(): readonly Aim[] {
    return this.#pins;
  }

  join(follower: Follower): () => void {
    this.#followers.add(follower);
    return () => {
      this.#followers.delete(follower);
      if (this.#resolver === follower) this.#resolver = null;
    };
  }

  /** Hear of each new aim, at most once a frame. Returns the way to stop. */
  listen(listener: (aim: Aim | null, x: number | null) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The pointer moved over `follower`: what it is on is worked out in the next frame. */
  moved(follower: Follower): void {
    this.#resolver = follower;
    this.#ask();
  }

  /** Aim at a run, or at nothing. `x` is where the vertical hair stands, if anywhere. */
  set(aim: Aim | null, x: number | null): void {
    this.#aim = aim;
    this.#x = x;
    this.#ask();
  }

  /** Keep these in focus until they are taken away. */
  pin(pins: readonly Aim[]): void {
    this.#pins = pins;
    this.#ask();
  }

  /** Repaint without a move: lines or sizes changed. */
  refresh(): void {
    this.#ask();
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#nextFrame(() => this.#frame());
  }

  #frame(): void {
    this.#resolver?.resolve();
    this.#resolver = null;
    // Cleared last: what a follower sets while it resolves belongs to this very frame.
    this.#asked = false;
    for (const follower of this.#followers) follower.follow(this.#aim, this.#pins);
    for (const listener of this.#listeners) listener(this.#aim, this.#x);
  }
}
