/**
 * A unified diff, as `git diff` writes it, read into files and hunks.
 *
 * What is not understood is kept as a line of its own: nothing of a diff is swallowed.
 */

export type DiffLineKind = 'same' | 'added' | 'removed' | 'note';

export interface DiffLine {
  readonly kind: DiffLineKind;
  /** Without its first sign. */
  readonly text: string;
  /** Line numbers before and after the change, from 1; null where the line is not there. */
  readonly before: number | null;
  readonly after: number | null;
}

export interface Hunk {
  /** What stands behind the second @@: the function, mostly. */
  readonly title: string;
  readonly range: string;
  readonly lines: DiffLine[];
}

export type DiffState = 'changed' | 'added' | 'deleted' | 'renamed' | 'binary';

export interface DiffFile {
  path: string;
  /** The path before, where it was another one. */
  from: string | null;
  state: DiffState;
  added: number;
  removed: number;
  readonly hunks: Hunk[];
}

export interface Diff {
  readonly files: DiffFile[];
  readonly added: number;
  readonly removed: number;
  /** What was said where the diff was cut as it was captured, or null. */
  readonly cut: string | null;
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)$/;
const CUT = /^\\ cut by foldline/;

/** A path as git writes it: in quotes with escapes if it has odd characters. */
function unquoted(path: string): string {
  if (!path.startsWith('"')) return path.replace(/\t.*$/, '');
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const [, octal, letter, plain] of path
    .slice(1, -1)
    .matchAll(/\\([0-7]{3})|\\(.)|([^\\]+)/g)) {
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
    else bytes.push(...encoder.encode(plain ?? { t: '\t', n: '\n' }[letter ?? ''] ?? letter));
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

function withoutPrefix(path: string): string {
  return path.replace(/^[abciw]\//, '');
}

function headPath(line: string): string {
  const paths = line.slice('diff --git '.length);
  if (paths.endsWith('"')) return withoutPrefix(unquoted(paths.slice(paths.lastIndexOf(' "') + 1)));
  // Both halves name one path, unless it was renamed: then a later line says so.
  return withoutPrefix(paths.slice(Math.ceil(paths.length / 2)));
}

class Reader {
  readonly files: DiffFile[] = [];
  cut: string | null = null;
  private file: DiffFile | null = null;
  private hunk: Hunk | null = null;
  private before = 0;
  private after = 0;
  private beforeLeft = 0;
  private afterLeft = 0;

  read(line: string): void {
    if (CUT.test(line)) this.cut = line.slice(2);
    else if (this.beforeLeft > 0 || this.afterLeft > 0) this.readInside(line);
    else if (line.startsWith('diff --git ')) this.begin(headPath(line));
    else this.readHead(line);
  }

  private begin(path: string): DiffFile {
    const file: DiffFile = {
      path, from: null, state: 'changed', added: 0, removed: 0, hunks: [],
    };
    this.file = file;
    this.hunk = null;
    this.files.push(file);
    return file;
  }

  private readHead(line: string): void {
    const hunk = HUNK.exec(line);
    if (hunk !== null) this.beginHunk(line, hunk);
    else if (line.startsWith('\\')) this.push('note', line.slice(2), null, null);
    else this.readNaming(line);
  }

  private readNaming(line: string): void {
    const after = (prefix: string): string => unquoted(line.slice(prefix.length));
    if (line.startsWith('--- ')) {
      if (this.file === null || this.file.hunks.length > 0) this.begin('');
      const path = after('--- ');
      if (path === '/dev/null') this.file!.state = 'added';
      else if (this.file!.path === '') this.file!.path = withoutPrefix(path);
    } else if (this.file === null) {
      return;
    } else if (line.startsWith('+++ ')) {
      const path = after('+++ ');
      if (path === '/dev/null') this.file.state = 'deleted';
      else this.file.path = withoutPrefix(path);
    } else if (line.startsWith('rename from ')) {
      this.file.from = after('rename from ');
      this.file.state = 'renamed';
    } else if (line.startsWith('rename to ')) this.file.path = after('rename to ');
    else if (line.startsWith('new file')) this.file.state = 'added';
    else if (line.startsWith('deleted file')) this.file.state = 'deleted';
    else if (/^(Binary files|GIT binary patch)/.test(line)) this.file.state = 'binary';
  }

  private beginHunk(line: string, found: RegExpExecArray): void {
    const [, before, beforeCount = '1', after, afterCount = '1', title = ''] = found;
    const file = this.file ?? this.begin('');
    this.before = Number(before);
    this.after = Number(after);
    this.beforeLeft = Number(beforeCount);
    this.afterLeft = Number(afterCount);
    const range = line.slice(0, line.indexOf('@@', 2) + 2);
    this.hunk = { title, range, lines: [] };
    file.hunks.push(this.hunk);
  }

  private readInside(line: string): void {
    const text = line.slice(1);
    if (line.startsWith('+')) {
      this.push('added', text, null, this.after++);
      this.afterLeft--;
      this.file!.added++;
    } else if (line.startsWith('-')) {
      this.push('removed', text, this.before++, null);
      this.beforeLeft--;
      this.file!.removed++;
    } else if (line.startsWith('\\')) {
      this.push('note', line.slice(2), null, null);
    } else {
      // An empty line may have lost its leading space on the way.
      this.push('same', text, this.before++, this.after++);
      this.beforeLeft--;
      this.afterLeft--;
    }
  }

  private push(
    kind: DiffLineKind,
    text: string,
    before: number | null,
    after: number | null,
  ): void {
    this.hunk?.lines.push({ kind, text, before, after });
  }
}

export function readDiff(text: string): Diff {
  const reader = new Reader();
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const line of lines) reader.read(line);
  const { files } = reader;
  return {
    files,
    added: files.reduce((sum, file) => sum + file.added, 0),
    removed: files.reduce((sum, file) => sum + file.removed, 0),
    cut: reader.cut,
  };
}
