/** What is typed finds names: by their start before their middle, and never by half its words. */

import { describe, expect, it } from 'vitest';
import { bestMatches, matchScore } from '../../../src/lib/search/match';

const best = (typed: string, names: string[]) => bestMatches(names, typed, (name) => name, 9);

describe('matches', () => {
  it('prefer the start of a name to the start of a word to its middle', () => {
    const names = ['Rerun', 'Open the run', 'Runs'];
    expect(best('run', names)).toEqual(['Runs', 'Open the run', 'Rerun']);
  });

  it('need every word, in any order', () => {
    expect(matchScore('Copy the link', 'link copy')).not.toBeNull();
    expect(matchScore('Copy the link', 'link cut')).toBeNull();
  });

  it('keep the order of equals and the bound', () => {
    expect(bestMatches(['a1', 'a2', 'a3'], 'a', (name) => name, 2)).toEqual(['a1', 'a2']);
  });
});
