/** Light, dark or the system's choice. */

export type ThemeChoice = 'system' | 'light' | 'dark';
export type Theme = 'light' | 'dark';

/** Also read by public/theme.js, which runs before the first paint. */
const STORAGE_KEY = 'foldline.theme';
const ORDER: ThemeChoice[] = ['system', 'light', 'dark'];

function stored(): ThemeChoice {
  try {
    const choice = localStorage.getItem(STORAGE_KEY);
    return ORDER.find((known) => known === choice) ?? 'system';
  } catch {
    // Storage may be blocked: the choice then lasts as long as the page.
    return 'system';
  }
}

class ThemeState {
  choice = $state<ThemeChoice>('system');
  private systemIsDark = $state(false);

  /** What is on screen now. Canvas code reads it to know when to fetch its colours again. */
  readonly current: Theme = $derived.by(() => {
    if (this.choice !== 'system') return this.choice;
    return this.systemIsDark ? 'dark' : 'light';
  });

  /** Reads the stored choice and follows the system's. Returns the way to stop. */
  listen(): () => void {
    this.choice = stored();
    const media = matchMedia('(prefers-color-scheme: dark)');
    const follow = () => {
      this.systemIsDark = media.matches;
      this.apply();
    };
    follow();
    media.addEventListener('change', follow);
    return () => media.removeEventListener('change', follow);
  }

  set(choice: ThemeChoice): void {
    this.choice = choice;
    this.apply();
    try {
      localStorage.setItem(STORAGE_KEY, choice);
    } catch {
      // As above: nothing is lost but the memory of it.
    }
  }

  /** To the opposite of what is on screen, which is what a person who presses the key wants. */
  flip(): void {
    this.set(this.current === 'dark' ? 'light' : 'dark');
  }

  private apply(): void {
    document.documentElement.dataset.theme = this.current;
  }
}

export const theme = new ThemeState();
