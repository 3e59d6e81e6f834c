/** A question asked of one field alone. */

/** What the search knows as fields; any other word before a colon is text. */
const FIELDS = new Set([
  'name', 'experiment', 'tag', 'param', 'note', 'git', 'host', 'user', 'command', 'status', 'run',
  'id', 'line', 'code', 'message', 'text', 'level', 'after', 'before',
]);

const PIECE = /\s+|[()]|-?"[^"]*"?[*~]?\d*|[^\s"()][^\s"]*/g;

/** A closing parenthesis behind a word is the word's own only if the word opens it. */
function split(word: string): [string, string] {
  let end = word.length;
  const surplus = () => {
    const part = word.slice(0, end);
    return part.endsWith(')') && part.split(')').length > part.split('(').length;
  };
  while (surplus()) end -= 1;
  return [word.slice(0, end), word.slice(end)];
}

function prefixed(piece: string, field: string): string {
  if (/^(?:OR|AND|NOT|\s+|[()])$/.test(piece)) return piece;
  const [word, behind] = split(piece);
  // One sign denies, two are a flag that is searched as it stands.
  const sign = /^-[^-]/.test(word) ? '-' : '';
  const bare = word.slice(sign.length);
  const own = /^([A-Za-z]+):/.exec(bare)?.[1]?.toLowerCase();
  if (bare === '' || (own !== undefined && FIELDS.has(own))) return piece;
  // A bare field in front of a phrase is a piece by itself, as `note:` in `note:"a b"`.
  return `${sign}${field}:${bare}${behind}`;
}

/** The question with every word and phrase that names no field itself asked of `field`. */
export function within(question: string, field: string): string {
  const pieces = question.match(PIECE) ?? [];
  return pieces
    .map((piece, at) => {
      const before = pieces[at - 1];
      const phraseOfField = piece.startsWith('"') && before !== undefined && before.endsWith(':');
      return phraseOfField ? piece : prefixed(piece, field);
    })
    .join('');
}
