/**
 * Terminal output as spans of text.
 *
 * Colours and styles as ECMA-48 and xterm have them (SGR, with 256 colours and true colour). Every
 * other control sequence is left out: what a line moved or erased, the console's capture has done.
 */

/** A colour: one of the terminal's sixteen by number, or "#rrggbb". */
export type InkColor = number | string;

/** How a span is written. */
export interface Ink {
  readonly color: InkColor | null;
  readonly back: InkColor | null;
  readonly bold: boolean;
  readonly faint: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
  readonly strike: boolean;
  readonly inverse: boolean;
}

export interface Span {
  readonly text: string;
  /** Null where nothing was asked for. */
  readonly ink: Ink | null;
}

const PLAIN: Ink = {
  color: null, back: null, bold: false, faint: false, italic: false, underline: false,
  strike: false, inverse: false,
};

/** A sequence of a terminal. The first group has the parameters of a colour or style. */
const SEQUENCE = new RegExp(
  [
    String.raw`\x1b\[([0-9;:]*)m`,
    // Any other CSI, with its parameters and its final letter.
    String.raw`\x1b\[[0-?]*[ -/]*[@-~]`,
    // A link, a title and other strings, up to their end; what is cut short goes to the line's end.
    String.raw`\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)`,
    // Any other escape, and control characters but the tab.
    String.raw`\x1b[ -/]*[0-~]?`,
    String.raw`[\x00-\x08\x0a-\x1f\x7f]`,
  ].join('|'),
  'g',
);

/** The six steps of the cube of 216 colours. */
const CUBE = [0, 95, 135, 175, 215, 255];

function hex(red: number, green: number, blue: number): string {
  const byte = (value: number): string => (value & 255).toString(16).padStart(2, '0');
  return `#${byte(red)}${byte(green)}${byte(blue)}`;
}

/** Colour `index` of xterm's 256. */
function indexed(index: number): InkColor | null {
  if (!(index >= 0 && index <= 255)) return null;
  if (index < 16) return index;
  const grey = 8 + (index - 232) * 10;
  if (index >= 232) return hex(grey, grey, grey);
  const at = index - 16;
  return hex(CUBE[Math.floor(at / 36)]!, CUBE[Math.floor(at / 6) % 6]!, CUBE[at % 6]!);
}

/** Reads what follows a 38 or 48; returns the colour and how many codes it took. */
function extended(codes: readonly number[], from: number): [InkColor | null, number] {
  if (codes[from] === 5) return [indexed(codes[from + 1] ?? -1), 2];
  if (codes[from] !== 2) return [null, 0];
  const [red = 0, green = 0, blue = 0] = codes.slice(from + 1, from + 4);
  return [hex(red, green, blue), 4];
}

const SWITCHES: Readonly<Record<number, Partial<Ink>>> = {
  1: { bold: true },
  2: { faint: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  9: { strike: true },
  21: { underline: true },
  22: { bold: false, faint: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
  29: { strike: false },
  39: { color: null },
  49: { back: null },
};

function afterCode(ink: Ink, code: number): Ink {
  const change = SWITCHES[code];
  if (change !== undefined) return { ...ink, ...change };
  if (code >= 30 && code <= 37) return { ...ink, color: code - 30 };
  if (code >= 90 && code <= 97) return { ...ink, color: code - 90 + 8 };
  if (code >= 40 && code <= 47) return { ...ink, back: code - 40 };
  if (code >= 100 && code <= 107) return { ...ink, back: code - 100 + 8 };
  return code === 0 ? PLAIN : ink;
}

function afterSequence(ink: Ink, parameters: string): Ink {
  // "38:2::r:g:b" names a colour space between the colons, which is left empty.
  const plain = parameters.replace(/([34]8:2):\d*:(?=\d*:\d*:\d)/g, '$1:');
  const codes = plain.split(/[;:]/).map(Number);
  let now = ink;
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0;
    if (code !== 38 && code !== 48) {
      now = afterCode(now, code);
      continue;
    }
    const [color, taken] = extended(codes, at + 1);
    if (color !== null) now = { ...now, [code === 38 ? 'color' : 'back']: color };
    at += taken;
  }
  return now;
}

function isPlain(ink: Ink): boolean {
  return Object.keys(PLAIN).every((key) => ink[key as keyof Ink] === PLAIN[key as keyof Ink]);
}

/** One line of a terminal as spans. Their texts together are what `plainText` gives. */
export function ansiSpans(line: string): Span[] {
  const spans: Span[] = [];
  let ink = PLAIN;
  let from = 0;
  const push = (until: number): void => {
    if (until <= from) return;
    const text = line.slice(from, until);
    const last = spans.at(-1);
    const shown = isPlain(ink) ? null : ink;
    if (last?.ink === shown) spans[spans.length - 1] = { text: last.text + text, ink: shown };
    else spans.push({ text, ink: shown });
  };
  for (const match of line.matchAll(SEQUENCE)) {
    push(match.index);
    if (match[1] !== undefined) ink = afterSequence(ink, match[1]);
    from = match.index + match[0].length;
  }
  push(line.length);
  return spans;
}

/** A line without its colours and control characters: what is copied and searched. */
export function plainText(line: string): string {
  return line.replace(SEQUENCE, '');
}
