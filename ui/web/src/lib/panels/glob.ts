/** Names picked by patterns such as "train/*loss". */

const SPECIAL = /[.+^${}()|[\]\\]/g;

/** A pattern of a few words as a test: each word has to fit; without a star, anywhere in a name. */
export function globTest(pattern: string): (name: string) => boolean {
  const words = pattern.trim().toLowerCase().split(/\s+/).filter((word) => word !== '');
  const rules = words.map((word) => {
    if (!/[*?]/.test(word)) return (name: string) => name.includes(word);
    const source = word.replace(SPECIAL, '\\$&').replace(/\*+/g, '.*').replaceAll('?', '.');
    const rule = new RegExp(`^${source}$`);
    return (name: string) => rule.test(name);
  });
  return (name) => rules.every((rule) => rule(name.toLowerCase()));
}
