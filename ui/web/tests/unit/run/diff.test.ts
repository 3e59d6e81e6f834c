/** A unified diff is read into files, hunks and numbered lines; nothing of it is lost. */

import { describe, expect, it } from 'vitest';
import { readDiff } from '../../../src/lib/diff/unified';

const DIFF = `diff --git a/model.py b/model.py
index 83db48f..bf2a2c1 100644
--- a/model.py
+++ b/model.py
@@ -1,3 +1,3 @@ def scale(x):
 def scale(x):
-    return x * 2
+    return x * 3
 # end
diff --git a/conf.yaml b/conf.yaml
new file mode 100644
index 0000000..b1
--- /dev/null
+++ b/conf.yaml
@@ -0,0 +1 @@
+lr: 3e-4
\\ No newline at end of file
diff --git a/old name.py b/new name.py
similarity index 90%
rename from old name.py
rename to new name.py
diff --git a/gone.txt b/gone.txt
deleted file mode 100644
--- a/gone.txt
+++ /dev/null
@@ -1 +0,0 @@
--- a line that looks like a head
diff --git a/x.png b/x.png
Binary files a/x.png and b/x.png differ
\\ cut by foldline: more than 4 MiB
`;

describe('readDiff', () => {
  const diff = readDiff(DIFF);

  it('tells files, states and counts', () => {
    expect(diff.files.map(({ path, state, added, removed }) => [path, state, added, removed]))
      .toEqual([
        ['model.py', 'changed', 1, 1],
        ['conf.yaml', 'added', 1, 0],
        ['new name.py', 'renamed', 0, 0],
        ['gone.txt', 'deleted', 0, 1],
        ['x.png', 'binary', 0, 0],
      ]);
    expect(diff.files[2]?.from).toBe('old name.py');
    expect([diff.added, diff.removed]).toEqual([2, 2]);
    expect(diff.cut).toBe('cut by foldline: more than 4 MiB');
  });

  it('numbers the lines on both sides', () => {
    const lines = diff.files[0]!.hunks[0]!.lines;
    expect(lines.map(({ kind, before, after }) => [kind, before, after])).toEqual([
      ['same', 1, 1], ['removed', 2, null], ['added', null, 2], ['same', 3, 3],
    ]);
    expect(diff.files[0]!.hunks[0]!.title).toBe('def scale(x):');
  });

  it('keeps a removed line that looks like a head', () => {
    expect(diff.files[3]!.hunks[0]!.lines[0]!.text).toBe('-- a line that looks like a head');
  });

  it('reads a path with odd characters', () => {
    const odd = 'diff --git "a/f\\303\\274r.py" "b/f\\303\\274r.py"\nnew file mode 100644\n';
    expect(readDiff(odd).files[0]?.path).toBe('für.py');
  });

  it('takes anything for a diff', () => {
    expect(readDiff('').files).toEqual([]);
    expect(readDiff('nothing of the kind\n@@ no\n+++').files).toEqual([]);
  });
});
