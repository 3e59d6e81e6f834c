/** What to type into an editor or a shell when a store is empty. */

/** A word as a POSIX shell reads it: in quotes where it has to be. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The import lines of other trackers, and how the script finds this store. */
export function movedScript(path: string | null): string {
  const store = path === null ? '' : `FOLDLINE_STORE=${shellWord(path)} `;
  return [
    'import foldline as wandb                 # was: import wandb',
    'from foldline import Run, Image, Text    # was: from aim import …',
    '',
    `$ ${store}python train.py`,
    '',
  ].join('\n');
}

export function demoCommand(): string {
  return ['$ foldline demo', ''].join('\n');
}
