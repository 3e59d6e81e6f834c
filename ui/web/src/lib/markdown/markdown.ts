/**
 * Markdown as a tree, for notes and texts that people and scripts wrote.
 *
 * Marked reads the text; what it found is shown by Svelte, piece by piece, so that there is no HTML
 * anywhere between a stranger's text and the page. HTML in the text is shown as text.
 */

import { Lexer, type MarkedToken, type Token } from 'marked';

export type Piece = MarkedToken;

/** Beyond this a text is shown as it is: reading it would hold the page for a second. */
const MARKDOWN_CHARS_MAX = 400_000;

const SCHEMES = /^(?:https?|mailto):/i;
const ENTITY = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos|nbsp|mdash|ndash|hellip));/gi;
const NAMED: Readonly<Record<string, string>> = {
  amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', mdash: '—', ndash: '–',
  hellip: '…',
};
const CODE_POINT_MAX = 0x10ffff;

/** Signs of emphasis times the length of their block, all together: that is read in 0.2 s. */
const EMPHASIS_COST_MAX = 50_000_000;
/** Of pieces within pieces: nobody nests so deep on purpose, and the page's stack has an end. */
const DEPTH_MAX = 64;
/** A line that begins as deep: it is told before it is read, which takes its square. */
const DEEP_LINE = /^(?:[ \t]*(?:>|(?:[*+-]|\d{1,9}[.)])[ \t])){64}/m;

/** The pieces of a text, or null if to read it as Markdown would hold the page, or break it. */
export function markdownOf(text: string): Piece[] | null {
  if (text.length > MARKDOWN_CHARS_MAX || DEEP_LINE.test(text)) return null;
  if (emphasisCost(text) > EMPHASIS_COST_MAX) return null;
  try {
    const pieces = readMarkdown(text);
    return isDeep(pieces) ? null : pieces;
  } catch (error) {
    if (error instanceof RangeError) return null; // nested deeper than the stack
    throw error;
  }
}

function emphasisCost(text: string): number {
  let cost = 0;
  for (const block of text.split(/\n[ \t]*\n/)) {
    cost += block.length * (block.match(/[*_]/g)?.length ?? 0);
  }
  return cost;
}

function isDeep(pieces: readonly Token[]): boolean {
  let level = pieces;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth >= DEPTH_MAX) return true;
    level = level.flatMap(below);
  }
  return false;
}

function below(piece: Token): Token[] {
  const { tokens = [], items = [], header = [], rows = [] } = piece as {
    tokens?: Token[];
    items?: Token[];
    header?: { tokens: Token[] }[];
    rows?: { tokens: Token[] }[][];
  };
  const cells = [...header, ...rows.flat()];
  return [...tokens, ...items, ...cells.flatMap((cell) => cell.tokens)];
}

/** The pieces of a text in Markdown, as GitHub understands it. */
export function readMarkdown(text: string): Piece[] {
  return new Lexer({ gfm: true, breaks: true }).lex(text) as Piece[];
}

/** What is inside a piece. */
export function inside(tokens: readonly Token[] | undefined): Piece[] {
  return (tokens ?? []) as Piece[];
}

/** An address that may be followed, or null: only the web and mail, never a script. */
export function safeHref(href: string): string | null {
  return SCHEMES.test(href.trim()) ? href.trim() : null;
}

/** A text with its character references resolved. */
export function resolved(text: string): string {
  return text.replace(ENTITY, (whole, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return NAMED[name.toLowerCase()] ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
    return code > 0 && code <= CODE_POINT_MAX ? String.fromCodePoint(code) : whole;
  });
}
