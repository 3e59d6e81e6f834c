/**
 * What a person likes, on every page.
 *
 * It is kept in this browser only. Whoever shows something reads it from here.
 */

/** Also read by public/theme.js, which runs before the first paint. */
const STORAGE_KEY = 'foldline.settings';

export interface Preferences {
  /** Height of rows and of controls in tables. */
  density: 'comfortable' | 'compact';
  /** Significant digits of a measured value. */
  digits: number;
  /** Thousands apart, "12,345", or together. */
  grouping: boolean;
  /** In which zone moments are told. */
  zone: 'local' | 'utc';
  /** "5m ago", or the moment itself. */
  times: 'relative' | 'absolute';
  /** What moves: as the system asks, or nothing. */
  motion: 'system' | 'reduced';
  /** Smoothing of a chart whose address names none: weight of the past, 0 to 0.99. */
  smoothing: number;
}

export const DEFAULTS: Readonly<Preferences> = {
  density: 'comfortable',
  digits: 4,
  grouping: true,
  zone: 'local',
  times: 'relative',
  motion: 'system',
  smoothing: 0,
};

export const DIGITS_MIN = 3;
export const DIGITS_MAX = 9;
export const SMOOTHING_MAX = 0.99;

/** A row of a table in CSS pixels, by density. The style sheet has the same two in `--row`. */
export const ROW_PX: Record<Preferences['density'], number> = { comfortable: 30, compact: 24 };

function clamp(value: unknown, low: number, high: number, otherwise: number): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) return otherwise;
  return Math.min(high, Math.max(low, value));
}

function oneOf<T>(value: unknown, known: readonly T[], otherwise: T): T {
  return known.find((one) => one === value) ?? otherwise;
}

/** Whatever was stored as preferences that hold: what is missing or odd is as by default. */
export function readPreferences(stored: unknown): Preferences {
  const read = (typeof stored === 'object' && stored !== null ? stored : {}) as Partial<
    Record<keyof Preferences, unknown>
  >;
  return {
    density: oneOf(read.density, ['comfortable', 'compact'] as const, DEFAULTS.density),
    digits: Math.round(clamp(read.digits, DIGITS_MIN, DIGITS_MAX, DEFAULTS.digits)),
    grouping: oneOf(read.grouping, [true, false], DEFAULTS.grouping),
    zone: oneOf(read.zone, ['local', 'utc'] as const, DEFAULTS.zone),
    times: oneOf(read.times, ['relative', 'absolute'] as const, DEFAULTS.times),
    motion: oneOf(read.motion, ['system', 'reduced'] as const, DEFAULTS.motion),
    smoothing: clamp(read.smoothing, 0, SMOOTHING_MAX, DEFAULTS.smoothing),
  };
}

function stored(): Preferences {
  try {
    return readPreferences(JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '{}'));
  } catch {
    // Storage may be blocked, or hold what another program wrote there.
    return { ...DEFAULTS };
  }
}

class Settings {
  private kept = $state.raw<Preferences>(stored());

  get all(): Readonly<Preferences> {
    return this.kept;
  }

  get density(): Preferences['density'] {
    return this.kept.density;
  }

  get rowPx(): number {
    return ROW_PX[this.kept.density];
  }

  get digits(): number {
    return this.kept.digits;
  }

  get grouping(): boolean {
    return this.kept.grouping;
  }

  get zone(): Preferences['zone'] {
    return this.kept.zone;
  }

  get times(): Preferences['times'] {
    return this.kept.times;
  }

  get smoothing(): number {
    return this.kept.smoothing;
  }

  /** Whether nothing should move: the system's wish, or the person's. */
  get still(): boolean {
    if (this.kept.motion === 'reduced') return true;
    return matchMedia('(prefers-reduced-motion: reduce)').matches;
  }

  set(patch: Partial<Preferences>): void {
    this.kept = readPreferences({ ...this.kept, ...patch });
    this.apply();
    try {
      localStorage.setItem(STORAGE_KEY, JSON.stringify(this.kept));
    } catch {
      // The choice then lasts as long as the page.
    }
  }

  reset(): void {
    this.set(DEFAULTS);
  }

  /** Follows other tabs. Returns the way to stop. */
  listen(): () => void {
    this.apply();
    const changed = (event: StorageEvent) => {
      if (event.key !== STORAGE_KEY) return;
      this.kept = stored();
      this.apply();
    };
    addEventListener('storage', changed);
    return () => removeEventListener('storage', changed);
  }

  private apply(): void {
    document.documentElement.dataset.density = this.kept.density;
    document.documentElement.dataset.motion = this.kept.motion;
  }
}

export const settings = new Settings();
