/** Code is coloured line by line, and every token together is the line again. */

import { describe, expect, it } from 'vitest';
import { Code } from '../../../src/lib/code/tokens';

function kinds(text: string, path: string, line = 0): string[] {
  return new Code(text, path)
    .tokens(line)
    .filter((token) => token.text.trim() !== '')
    .map((token) => `${token.kind}:${token.text.trim()}`);
}

describe('Code', () => {
  it('knows the words of Python', () => {
    expect(kinds('def f(x): return "a#b" # why', 'a.py')).toEqual([
      'keyword:def', 'plain:f(x):', 'keyword:return', 'string:"a#b"', 'comment:# why',
    ]);
    expect(kinds('@torch.no_grad()', 'a.py')[0]).toBe('name:@torch.no_grad');
    expect(kinds('x1 = 1e-3', 'a.py')).toEqual(['plain:x1 =', 'number:1e-3']);
  });

  it('goes on with a string that began above, whichever line is asked for first', () => {
    const text = 'a = """one\ntwo # no comment\nthree""" + 1\n';
    expect(kinds(text, 'a.py', 1)).toEqual(['string:two # no comment']);
    expect(kinds(text, 'a.py', 2)).toEqual(['string:three"""', 'plain:+', 'number:1']);
  });

  it('knows settings and shells', () => {
    const yaml = kinds('lr: 3e-4 # warm', 'c.yaml');
    expect(yaml).toEqual(['name:lr', 'plain::', 'number:3e-4', 'comment:# warm']);
    expect(kinds('{"a": "b", "c": true}', 'c.json')).toContain('name:"a"');
    expect(kinds('for f in $HOME; do', 'run.sh')).toContain('name:$HOME');
  });

  const paths = ['a.py', 'a.cpp', 'a.json', 'a.yaml', 'a.sh', 'a.unknown'];
  it.each(paths)('loses nothing of %s', (path) => {
    const text = 'if (x) { "un"clos\'ed /* \\" # $A } `t`\n\t@x 0xFF .5e3 é 漢字\n"""\n';
    const code = new Code(text, path);
    code.lines.forEach((line, index) => {
      expect(code.tokens(index).map((token) => token.text).join('')).toBe(line);
    });
  });
});
