/** The browser's language, made fit for uPlot; import this before it. */

/**
 * uPlot makes a number format from the browser's language while it loads. A browser started under
 * the POSIX locale reports "en-US@posix", which is no language tag: the whole page would fail.
 */
function mendLanguage(): void {
  if (typeof navigator === 'undefined') return;
  try {
    new Intl.NumberFormat(navigator.language);
  } catch {
    Object.defineProperty(navigator, 'language', { value: 'en', configurable: true });
  }
}

mendLanguage();
