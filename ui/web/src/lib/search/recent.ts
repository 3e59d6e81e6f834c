/** What was searched for last, in this browser. */

const STORAGE_KEY = 'foldline.searches';
/** More than fit beside the other entries of an empty palette would not be read. */
const KEPT = 8;

export function recentSearches(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '[]');
    return Array.isArray(kept) ? kept.filter((one) => typeof one === 'string').slice(0, KEPT) : [];
  } catch {
    // Storage may be blocked, or hold what another program wrote there.
    return [];
  }
}

export function keepSearch(text: string): void {
  const asked = text.trim();
  if (asked === '') return;
  const next = [asked, ...recentSearches().filter((one) => one !== asked)].slice(0, KEPT);
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(next));
  } catch {
    // As above: nothing is lost but the memory of it.
  }
}

export function forgetSearches(): void {
  try {
    localStorage.removeItem(STORAGE_KEY);
  } catch {
    // As above.
  }
}
