/** Which sections are closed and which panels are pinned: kept in this browser. */

const STORAGE_KEY = 'foldline.panels';
/** Names remembered of each sort: beyond this somebody closes all by a search. */
const KEPT_MAX = 500;

interface Stored {
  closed: string[];
  pinned: string[];
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function stored(): Stored {
  try {
    const read = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '{}') as Partial<Stored>;
    return { closed: texts(read.closed), pinned: texts(read.pinned) };
  } catch {
    // Storage may be blocked, or hold what somebody else wrote: begin with nothing.
    return { closed: [], pinned: [] };
  }
}

class KeptPanels {
  closed = $state.raw<readonly string[]>([]);
  /** In the order in which they are shown. */
  pinned = $state.raw<readonly string[]>([]);

  constructor() {
    const { closed, pinned } = stored();
    this.closed = closed;
    this.pinned = pinned;
  }

  toggleSection(key: string): void {
    this.closed = toggled(this.closed, key);
    this.#write();
  }

  togglePin(name: string): void {
    this.pinned = toggled(this.pinned, name);
    this.#write();
  }

  /** Put a pinned panel in the place of another one. */
  movePin(name: string, before: string): void {
    if (name === before) return;
    const others = this.pinned.filter((one) => one !== name);
    const at = others.indexOf(before);
    const from = this.pinned.indexOf(name);
    const place = from >= 0 && from < this.pinned.indexOf(before) ? at + 1 : at;
    this.pinned = [...others.slice(0, place), name, ...others.slice(place)];
    this.#write();
  }

  #write(): void {
    try {
      const kept = { closed: this.closed, pinned: this.pinned };
      localStorage.setItem(STORAGE_KEY, JSON.stringify(kept));
    } catch {
      // As above: it is then remembered as long as the page.
    }
  }
}

function toggled(list: readonly string[], one: string): string[] {
  const rest = list.filter((other) => other !== one);
  return rest.length < list.length ? rest : [...rest, one].slice(-KEPT_MAX);
}

export const kept = new KeptPanels();
