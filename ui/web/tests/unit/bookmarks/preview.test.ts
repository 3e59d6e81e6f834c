import { describe, expect, it } from 'vitest';
import { isInside, preview } from '../../../src/pages/bookmarks/preview';

describe('the preview of a bookmark', () => {
  it('is its query, the settings that say something, and the number of others', () => {
    const url = 'metrics?q=metric.name+%3D%3D+%22loss%22&color=run.seed&log=y&size=2';
    expect(preview({ url })).toEqual({
      query: 'metric.name == "loss"', settings: ['color run.seed', '2 more settings'],
    });
  });

  it('is empty for a page without a state', () => {
    expect(preview({ url: 'runs' })).toEqual({ query: '', settings: [] });
  });

  it('leads to no other place', () => {
    expect(isInside('runs?q=1')).toBe(true);
    expect(isInside('//elsewhere.example/')).toBe(false);
    expect(isInside('javascript:alert(1)')).toBe(false);
    expect(isInside('http://[')).toBe(false);
  });
});
