// Sets the theme before anything is painted. src/lib/state/theme.svelte.ts takes over from here.
(function () {
  let choice = 'system';
  try {
    choice = localStorage.getItem('foldline.theme') || 'system';
  } catch {
    // Storage may be blocked: the system's theme is a fine answer then.
  }
  const systemIsDark = matchMedia('(prefers-color-scheme: dark)').matches;
  const dark = choice === 'dark' || (choice !== 'light' && systemIsDark);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
