/**
 * Words, strings, comments and numbers of source code, to be coloured.
 *
 * A light reader for what trainings are written in: it knows where strings and comments begin and
 * end, over lines too, and which words a language keeps for itself. It is no parser, and what it
 * does not know stays plain.
 */

export type TokenKind = 'plain' | 'comment' | 'string' | 'number' | 'keyword' | 'name' | 'mark';

export interface CodeToken {
  readonly kind: TokenKind;
  readonly text: string;
}

interface Language {
  readonly keywords: ReadonlySet<string>;
  /** Comments to the end of the line. */
  readonly lineComment: RegExp | null;
  /** Pairs that go over lines: how they begin, how they end, what they are. */
  readonly spans: readonly { begin: RegExp; end: string; kind: TokenKind }[];
  readonly strings: RegExp | null;
  /** A word that is coloured as a name: a key, a decorator. */
  readonly names: RegExp | null;
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '));
}

const QUOTED = /(?:[rbfuRBFU]{0,2})(?:"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?)/y;
const NUMBER = /\b(?:0[xX][\da-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)[jlLfF]?/y;
const WORD = /[A-Za-z_$][\w$]*/y;

const PYTHON: Language = {
  keywords: words(
    'False None True and as assert async await break case class continue def del elif else except '
      + 'finally for from global if import in is lambda match nonlocal not or pass raise return '
      + 'self try while with yield',
  ),
  lineComment: /#.*/y,
  spans: [
    { begin: /[rbfuRBFU]{0,2}"""/y, end: '"""', kind: 'string' },
    { begin: /[rbfuRBFU]{0,2}'''/y, end: "'''", kind: 'string' },
  ],
  strings: QUOTED,
  names: /@[A-Za-z_][\w.]*/y,
};

const CLIKE: Language = {
  keywords: words(
    'auto bool break case catch char class const constexpr continue default delete do double else '
      + 'enum export extern false float fn for function if import impl in inline int interface let '
      + 'long mut namespace new null nullptr pub return short signed sizeof static struct switch '
      + 'template this throw true try type typedef undefined unsigned use using var void while',
  ),
  lineComment: /\/\/.*/y,
  spans: [
    { begin: /\/\*/y, end: '*/', kind: 'comment' },
    { begin: /`/y, end: '`', kind: 'string' },
  ],
  strings: QUOTED,
  names: /(?<=^\s*)#\w+/y,
};

const JSON_LIKE: Language = {
  keywords: words('true false null'),
  lineComment: null,
  spans: [],
  strings: /"(?:\\.|[^"\\])*"?/y,
  names: /"(?:\\.|[^"\\])*"(?=\s*:)/y,
};

const SETTINGS: Language = {
  keywords: words('true false null yes no on off True False None'),
  lineComment: /(?<=^|\s)[#;].*/y,
  spans: [],
  strings: QUOTED,
  names: /(?<=^\s*(?:- )?)[\w.-]+(?=\s*[:=])|(?<=^\s*)\[[^\]]*\]/y,
};

const SHELL: Language = {
  keywords: words(
    'case do done elif else esac exit export fi for function if in local return set then while',
  ),
  lineComment: /(?<=^|\s)#.*/y,
  spans: [],
  strings: QUOTED,
  names: /\$\{?\w+\}?/y,
};

const BY_SUFFIX: Readonly<Record<string, Language>> = {
  py: PYTHON, pyi: PYTHON, pyx: PYTHON,
  c: CLIKE, cc: CLIKE, cpp: CLIKE, cu: CLIKE, cuh: CLIKE, h: CLIKE, hpp: CLIKE, js: CLIKE,
  ts: CLIKE, rs: CLIKE, go: CLIKE, java: CLIKE,
  json: JSON_LIKE, ipynb: JSON_LIKE, jsonl: JSON_LIKE,
  yaml: SETTINGS, yml: SETTINGS, toml: SETTINGS, cfg: SETTINGS, ini: SETTINGS,
  sh: SHELL, bash: SHELL,
};

/** Lines beyond this are shown plain: minified code has no readers. */
const COLORED_CHARS_MAX = 4_000;

function at(pattern: RegExp | null, line: string, place: number): string | null {
  if (pattern === null) return null;
  pattern.lastIndex = place;
  return pattern.exec(line)?.[0] ?? null;
}

class LineReader {
  private readonly tokens: CodeToken[] = [];
  private plain = '';
  private place = 0;

  constructor(
    private readonly language: Language,
    private readonly line: string,
  ) {}

  /** Reads the line, which may begin inside a span. Returns its tokens and the span it ends in. */
  read(within: number | null): [CodeToken[], number | null] {
    let open = within;
    while (this.place < this.line.length) {
      open = open === null ? this.readNext() : this.readOn(open);
    }
    this.flush();
    return [this.tokens, open];
  }

  private readNext(): number | null {
    const { language, line, place } = this;
    const span = language.spans.findIndex(({ begin }) => at(begin, line, place) !== null);
    if (span >= 0) {
      const { begin, kind } = language.spans[span]!;
      this.push(kind, at(begin, line, place) ?? '');
      return span;
    }
    const found =
      this.taken('comment', language.lineComment)
      || this.taken('name', language.names)
      || this.taken('string', language.strings)
      || this.taken('number', NUMBER);
    if (!found) this.readWord();
    return null;
  }

  private readOn(span: number): number | null {
    const { end, kind } = this.language.spans[span]!;
    const closing = this.line.indexOf(end, this.place);
    const until = closing < 0 ? this.line.length : closing + end.length;
    this.push(kind, this.line.slice(this.place, until));
    return closing < 0 ? span : null;
  }

  private readWord(): void {
    const word = at(WORD, this.line, this.place);
    if (word !== null && this.language.keywords.has(word)) {
      this.push('keyword', word);
      return;
    }
    const text = word ?? this.line.charAt(this.place);
    this.plain += text;
    this.place += text.length;
  }

  private taken(kind: TokenKind, pattern: RegExp | null): boolean {
    const text = at(pattern, this.line, this.place);
    if (text === null || text === '') return false;
    this.push(kind, text);
    return true;
  }

  private push(kind: TokenKind, text: string): void {
    this.flush();
    this.tokens.push({ kind, text });
    this.place += text.length;
  }

  private flush(): void {
    if (this.plain !== '') this.tokens.push({ kind: 'plain', text: this.plain });
    this.plain = '';
  }
}

/** A file of code, line by line. Lines are read when they are first asked for. */
export class Code {
  readonly lines: readonly string[];
  private readonly language: Language | null;
  /** Of each line that was reached: in which span it begins. */
  private readonly begins: (number | null)[] = [null];

  constructor(text: string, path: string) {
    this.lines = text.replace(/\r\n?/g, '\n').replace(/\n$/, '').split('\n');
    this.language = BY_SUFFIX[path.slice(path.lastIndexOf('.') + 1).toLowerCase()] ?? null;
  }

  /** The tokens of line `index`, from 0. Together they are the line. */
  tokens(index: number): readonly CodeToken[] {
    const line = this.lines[index] ?? '';
    if (this.language === null || line.length > COLORED_CHARS_MAX) {
      return [{ kind: 'plain', text: line }];
    }
    // A long string may have begun anywhere above.
    for (let at = this.begins.length - 1; at < index; at++) {
      this.begins.push(this.read(this.lines[at] ?? '', this.begins[at] ?? null)[1]);
    }
    return this.read(line, this.begins[index] ?? null)[0];
  }

  private read(line: string, within: number | null): [CodeToken[], number | null] {
    if (this.language === null || line.length > COLORED_CHARS_MAX) return [[], within];
    return new LineReader(this.language, line).read(within);
  }
}
