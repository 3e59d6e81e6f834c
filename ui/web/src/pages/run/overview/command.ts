/** A command as it would be typed into a shell. */

const SAFE = /^[\w@%+=:,./-]+$/;

function quoted(word: string): string {
  if (SAFE.test(word)) return word;
  return `'${word.replaceAll("'", `'"'"'`)}'`;
}

/** Words that a shell reads back as they are, whatever is in them. */
export function commandLine(words: readonly string[]): string {
  return words.map(quoted).join(' ');
}
