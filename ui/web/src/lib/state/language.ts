/** The browser's language, made one that Intl understands. */

/**
 * Under LANG=C Chromium calls its language "en-US@posix", and uPlot, which formats numbers with it
 * while it is being imported, would take the page down.
 */
export function mendLanguage(): void {
  try {
    new Intl.NumberFormat(navigator.language);
  } catch {
    Object.defineProperty(navigator, 'language', { value: 'en', configurable: true });
  }
}
