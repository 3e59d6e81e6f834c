import { describe, expect, it } from 'vitest';
import {
  isNarrowed, queryOfAsked, questionOf, readAsked, runsQuery,
} from '../../../src/lib/search/asked';

const read = (text: string) => readAsked(new URLSearchParams(text));

describe('what the address of the search page asks', () => {
  it('is words alone at first', () => {
    const asked = read('q=cuda+memory');
    expect(questionOf(asked)).toBe('cuda memory');
    expect(queryOfAsked(asked)).toBe('');
    expect(isNarrowed(asked)).toBe(false);
  });

  it('binds times more loosely than words', () => {
    expect(questionOf(read('q=a+OR+b&after=7d&before=2026-01-02'))).toBe(
      '(a OR b) after:7d before:2026-01-02',
    );
  });

  it('looks in one place', () => {
    expect(questionOf(read('q=a+b&where=note'))).toBe('note:a note:b');
  });

  it('joins what is chosen with the query', () => {
    const asked = read('q=a&in=run.seed+%3D%3D+1&status=failed&status=lost&tag=x%22y');
    const query = queryOfAsked(asked);
    expect(query).toContain('run.seed == 1');
    expect(query).toContain('run.status in ("failed", "lost")');
    expect(query).toContain('"x\\"y" in run.tags');
    expect(queryOfAsked(asked, 'tag')).not.toContain('run.tags');
    expect(runsQuery(asked)).toContain('search("a")');
  });

  it('drops what it does not know', () => {
    const asked = read('q=a&where=nonsense&after=%00&before=2026-1');
    expect(asked).toMatchObject({ where: '', after: '', before: '' });
  });
});
