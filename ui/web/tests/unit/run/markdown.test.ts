/** Markdown becomes pieces; no address of a text leads to a script. */

import { describe, expect, it } from 'vitest';
import {
  inside, markdownOf, readMarkdown, resolved, safeHref,
} from '../../../src/lib/markdown/markdown';

describe('readMarkdown', () => {
  it('reads headings, lists and tables', () => {
    const pieces = readMarkdown('# a\n\n- [x] b\n\n| c |\n|---|\n| d |\n');
    const types = pieces.map((piece) => piece.type).filter((type) => type !== 'space');
    expect(types).toEqual(['heading', 'list', 'table']);
  });

  it('gives HTML as what it is: a text between angle brackets', () => {
    const [html] = readMarkdown('<script>alert(1)</script>');
    expect(html?.type).toBe('html');
    const [paragraph] = readMarkdown('a <b onclick="x()">b</b>');
    const pieces = paragraph?.type === 'paragraph' ? inside(paragraph.tokens) : [];
    expect(pieces.map((piece) => piece.type)).toContain('html');
  });
});

describe('safeHref', () => {
  it.each(['https://a.b/c', 'http://a', 'mailto:a@b.c'])('follows %s', (href) => {
    expect(safeHref(href)).toBe(href);
  });

  const unsafe = ['javascript:alert(1)', ' JavaScript:x', 'data:text/html,x', 'vbscript:x', '//a'];
  it.each(unsafe)('does not follow %s', (href) => {
    expect(safeHref(href)).toBeNull();
  });
});

describe('resolved', () => {
  it('resolves references, and only those', () => {
    expect(resolved('a &lt;b&gt; &amp;amp; &#65;&#x42; &nope; &#99999999;'))
      .toBe('a <b> &amp; AB &nope; &#99999999;');
  });
});

describe('markdownOf', () => {
  it('reads what people write', () => {
    const text = '# a\n\n- *b* __c__\n  > d\n\n| e |\n|---|\n| f |\n'.repeat(2000);
    expect(markdownOf(text)?.length).toBeGreaterThan(2000);
  });

  it.each([
    '> ', '1. ', '- ', '_a', '*a', '**a', '*a _b ', '[', '![a](', '<a ', '| a ', '~~a', '`',
  ])(
    'shows %j, again and again, as it is or in a moment',
    (again) => {
      const text = again.repeat(Math.floor(390_000 / again.length));
      const began = performance.now();
      markdownOf(text);
      expect(performance.now() - began).toBeLessThan(3000);
    },
  );

  it('does not show what is nested deeper than the page can draw', () => {
    expect(markdownOf('> '.repeat(1000))).toBeNull();
    expect(markdownOf(`${'> '.repeat(200)}a`)).toBeNull();
    expect(markdownOf(`${'> '.repeat(20)}a`)).not.toBeNull();
  });
});
