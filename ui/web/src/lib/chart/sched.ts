/** One queue of drawing work for all charts of a page. */

/** A piece of work: draws until `ends` (ms clock), and says whether it is done. */
export type DrawJob = (ends: number) => boolean;

/** Milliseconds of drawing per frame: half a frame at 60 Hz is left for input and layout. */
const FRAME_BUDGET_MS = 8;

/** Calls back before the next paint; a test passes its own. */
export type FrameSource = (callback: () => void) => void;

/**
 * Holds at most one job per owner and works on visible owners only.
 *
 * A new job replaces the owner's old one. A hidden owner's job waits until it is seen.
 */
export class DrawQueue {
  readonly #jobs = new Map<object, DrawJob>();
  readonly #hidden = new Set<object>();
  readonly #nextFrame: FrameSource;
  readonly #clock: () => number;
  #asked = false;

  constructor(
    nextFrame: FrameSource = (callback) => void requestAnimationFrame(callback),
    clock: () => number = () => performance.now(),
  ) {
    this.#nextFrame = nextFrame;
    this.#clock = clock;
  }

  /** Put work in the queue, in place of this owner's former work. */
  add(owner: object, job: DrawJob): void {
    this.#jobs.delete(owner);
    this.#jobs.set(owner, job);
    this.#ask();
  }

  /** Forget an owner and its work. */
  drop(owner: object): void {
    this.#jobs.delete(owner);
    this.#hidden.delete(owner);
  }

  /** Tell whether an owner is on screen. */
  show(owner: object, visible: boolean): void {
    if (visible) this.#hidden.delete(owner);
    else this.#hidden.add(owner);
    if (visible && this.#jobs.has(owner)) this.#ask();
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#nextFrame(() => this.#frame());
  }

  #frame(): void {
    this.#asked = false;
    const ends = this.#clock() + FRAME_BUDGET_MS;
    let worked = false;
    for (const [owner, job] of [...this.#jobs]) {
      if (this.#hidden.has(owner)) continue;
      // One job runs even in a late frame, or a slow machine would never finish.
      if (worked && this.#clock() >= ends) break;
      worked = true;
      // The job may put a new one in its own place: only its own entry is removed.
      if (job(ends) && this.#jobs.get(owner) === job) this.#jobs.delete(owner);
    }
    for (const owner of this.#jobs.keys()) {
      if (!this.#hidden.has(owner)) return this.#ask();
    }
  }
}

/** The queue that all charts share. */
export const drawing = new DrawQueue();
