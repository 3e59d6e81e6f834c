/**
 * Query text cut into coloured pieces.
 *
 * It only colours: the server alone decides what is valid.
 */

export type TokenKind = 'word' | 'root' | 'string' | 'number' | 'operator' | 'plain';

export interface Token {
  kind: TokenKind;
  text: string;
  /** Offset of the first character. */
  at: number;
}

const RULES: readonly [TokenKind, RegExp][] = [
  ['string', /"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?/y],
  ['number', /\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?/iy],
  ['word', /\b(?:and|or|not|in|is|None|True|False|if|else)\b/y],
  ['root', /\b(?:run|metric|search|datetime)\b/y],
  ['plain', /[\p{L}_][\p{L}\p{N}_]*/uy],
  ['operator', /[<>=!]=|[-<>=+*/%&|]/y],
];

function matchAt(query: string, at: number): Token | null {
  for (const [kind, rule] of RULES) {
    rule.lastIndex = at;
    const text = rule.exec(query)?.[0];
    if (text) return { kind, text, at };
  }
  return null;
}

/** The pieces, in order; together they are the query again. */
export function tokens(query: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < query.length) {
    const token = matchAt(query, at);
    const last = found.at(-1);
    if (token !== null) {
      found.push(token);
      at += token.text.length;
    } else if (last?.kind === 'plain' && !/[\p{L}_]/u.test(last.text[0] ?? '')) {
      last.text += query[at];
      at += 1;
    } else {
      found.push({ kind: 'plain', text: query[at] ?? '', at });
      at += 1;
    }
  }
  return found;
}

/** Whether a token has a part in the span from `start` up to `end`. */
export function touches(token: Token, [start, end]: [number, number]): boolean {
  return token.at < end && token.at + token.text.length > start;
}
