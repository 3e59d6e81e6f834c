/**
 * Where a long console is scrolled to.
 *
 * A place and the pixels of it that are out of sight, not a number of pixels from the top: lines
 * may be of any height, and browsers know no element of more than some 17 million pixels, which
 * are not enough for a million lines.
 */

/** The tallest element that is asked for: Firefox stops near 17.9 million pixels. */
export const HEIGHT_PX_MAX = 12_000_000;

/** The first line in sight, and how much of it is above the edge. */
export interface Anchor {
  readonly line: number;
  readonly offset: number;
}

export const TOP: Anchor = { line: 0, offset: 0 };

/** The height of a line, measured or guessed. */
export type HeightOf = (line: number) => number;

/** The anchor `delta` pixels below another one; above, if it is negative. */
export function moved(from: Anchor, delta: number, total: number, heightOf: HeightOf): Anchor {
  let line = from.line;
  let offset = from.offset + delta;
  while (offset < 0 && line > 0) offset += heightOf(--line);
  while (line < total - 1 && offset >= heightOf(line)) offset -= heightOf(line++);
  return line === 0 && offset < 0 ? TOP : { line, offset };
}

/** The anchor that shows the last line at the lower edge. */
export function atEnd(total: number, viewPx: number, heightOf: HeightOf): Anchor {
  let left = viewPx;
  for (let line = total - 1; line >= 0; line--) {
    left -= heightOf(line);
    if (left <= 0) return { line, offset: Math.abs(left) };
  }
  return TOP;
}

/** Whether one anchor is at or below another one. */
export function isPast(one: Anchor, other: Anchor): boolean {
  return one.line > other.line || (one.line === other.line && one.offset >= other.offset);
}

/** Between the scrollbar, whose range is bounded, and the anchor. */
export class Track {
  constructor(
    private readonly total: number,
    /** Height of a line, on the average. */
    private readonly linePx: number,
    private readonly viewPx: number,
  ) {}

  /** Height of what is scrolled. */
  get heightPx(): number {
    return Math.min(HEIGHT_PX_MAX, Math.max(this.viewPx, this.total * this.linePx));
  }

  /** Whether a pixel of the scrollbar is a pixel of the lines. */
  get isTrue(): boolean {
    return this.total * this.linePx <= HEIGHT_PX_MAX;
  }

  private get rangePx(): number {
    return Math.max(1, this.heightPx - this.viewPx);
  }

  /** The lines that can be above the upper edge. */
  private get rangeLines(): number {
    return Math.max(0, this.total - this.viewPx / this.linePx);
  }

  anchorAt(scrollTop: number): Anchor {
    const lines = (Math.min(scrollTop, this.rangePx) / this.rangePx) * this.rangeLines;
    const line = Math.floor(lines);
    return { line, offset: (lines - line) * this.linePx };
  }

  scrollTopOf({ line, offset }: Anchor): number {
    if (this.rangeLines === 0) return 0;
    const lines = line + Math.min(1, offset / this.linePx);
    return Math.min(1, lines / this.rangeLines) * this.rangePx;
  }
}
