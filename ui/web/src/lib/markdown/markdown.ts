/**
 * Markdown as a tree, for notes and texts that people and scripts wrote.
 *
 * Marked reads the text; what it found is shown by Svelte, piece by piece, so that there is no HTML
 * anywhere between a stranger's text and the page. HTML in the text is shown as text.
 */

import { Lexer, type MarkedToken, type Token } from 'marked';

export type Piece = MarkedToken;

/** Beyond this a text is shown as it is: reading it would hold the page for a second. */
export const MARKDOWN_CHARS_MAX = 400_000;

const SCHEMES = /^(?:https?|mailto):/i;
const ENTITY = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos|nbsp|mdash|ndash|hellip));/gi;
const NAMED: Readonly<Record<string, string>> = {
  amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', mdash: '—', ndash: '–',
  hellip: '…',
};
const CODE_POINT_MAX = 0x10ffff;

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
