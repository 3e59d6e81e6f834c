/** What somebody with an empty store is given to run. */

import { describe, expect, it } from 'vitest';
import { firstScript } from '../../../src/pages/runs/first-script';

describe('the first script', () => {
  it('is ten lines that name the store and this address', () => {
    const script = firstScript('/data/.foldline', 'http://127.0.0.1:43800');
    expect(script.trimEnd().split('\n')).toHaveLength(10);
    expect(script).toContain('store = "/data/.foldline"');
    expect(script).toContain('http://127.0.0.1:43800');
  });
});
