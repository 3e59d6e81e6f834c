/** What a chart draws: lines, bands and the styles they share. */

/** One series as one chart shows it. Arrays are shared with the loader and never written. */
export interface Line {
  /** The series id: what a test, a pin and an export name it by. */
  readonly id: number;
  /** The run id: focus follows it from chart to chart. */
  readonly key: string;
  readonly x: Float64Array;
  /** The value at each x, as drawn and as read under the crosshair. NaN is a gap. */
  readonly y: Float32Array;
  /** The true extent of each bucket, or null where each point stands for itself. */
  readonly low: Float32Array | null;
  readonly high: Float32Array | null;
  /** The values before smoothing, drawn faintly below; null when nothing is smoothed. */
  readonly raw: Float32Array | null;
  /** A colour that a canvas understands (not a custom property). */
  readonly color: string;
  readonly dash: readonly number[];
  /** The run ended badly: its last point wears a red cap. */
  readonly broken: boolean;
  /** Drawn wide and above the others: the run that others are compared with. */
  readonly strong?: boolean;
}

/** A group's centre with its spread, all on one grid. */
export interface Band {
  readonly label: string;
  readonly x: Float64Array;
  readonly mid: Float32Array;
  readonly low: Float32Array;
  readonly high: Float32Array;
  readonly color: string;
  /** The stroke that the lines of the group share. */
  readonly dash: readonly number[];
  /** The centre as a line that the crosshair can find. */
  readonly line: Line;
}

/** The tokens a canvas needs, read once per theme. */
export interface Palette {
  readonly surface: string;
  readonly veil: string;
  readonly grid: string;
  readonly text: string;
  readonly muted: string;
  readonly bad: string;
  readonly dark: boolean;
}

/** A range with ends that nobody set: null leaves one to what is visible. */
export type OpenRange = readonly [number | null, number | null];

/** Closed interval on an axis, low before high. */
export type Range = readonly [number, number];
