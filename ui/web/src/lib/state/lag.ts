/**
 * How long the views are behind the log, in seconds.
 *
 * The server tells bytes. Where the log ended, and when that was, says since when what is there
 * has not been folded.
 */

interface Seen {
  /** When the log was this long, at the latest. */
  at: number;
  end: number;
}

/** Observations kept: one more than are needed to see minutes of lag at four notices a second. */
const SEEN_MAX = 1_200;

export class Lag {
  private readonly seen: Seen[] = [];
  private watermark = 0;

  /** Takes what a notice says, at a time in seconds. */
  note(watermark: number, lagBytes: number, now: number): void {
    // A rebuild starts again from the first byte: what was seen before says nothing of it.
    if (watermark < this.watermark) this.seen.length = 0;
    this.watermark = watermark;
    while (this.seen.length > 0 && this.seen[0]!.end <= watermark) this.seen.shift();
    const end = watermark + lagBytes;
    const last = this.seen.at(-1)?.end ?? watermark;
    if (end > last && this.seen.length < SEEN_MAX) this.seen.push({ at: now, end });
  }

  /** Seconds for which something has been waiting at least; 0 if nothing is known to wait. */
  seconds(now: number): number {
    const oldest = this.seen[0];
    return oldest === undefined ? 0 : Math.max(0, now - oldest.at);
  }
}
