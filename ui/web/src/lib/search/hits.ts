/**
 * Where a hit of the search stands.
 *
 * Its place on the pages, in words and as an address, and its text cut at its marks.
 */

import type { FoundRun, Hit } from '../api/types';
import { runHref } from '../state/route.svelte';

/** A stretch of a hit's text, and whether it is what was searched for. */
export interface Stretch {
  text: string;
  marked: boolean;
}

/** Control characters as blanks: they draw nothing, and a terminal's would be read as words. */
export function seen(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
}

/** The text cut at its marks. They count code points, as the server does. */
export function stretches(hit: Pick<Hit, 'text' | 'marks'>): Stretch[] {
  const points = [...hit.text];
  const cut: Stretch[] = [];
  let at = 0;
  for (const [start, end] of hit.marks) {
    if (start > at) cut.push({ text: points.slice(at, start).join(''), marked: false });
    cut.push({ text: points.slice(start, end).join(''), marked: true });
    at = end;
  }
  if (at < points.length) cut.push({ text: points.slice(at).join(''), marked: false });
  return cut;
}

/** The same hit with at most so many code points before its first mark: the mark is in sight. */
export function nearMark<T extends Pick<Hit, 'text' | 'marks'>>(hit: T, before: number): T {
  const start = hit.marks[0]?.[0] ?? 0;
  if (start <= before) return hit;
  const letters = [...hit.text];
  // Not through the middle of a word, unless that is all there is.
  const space = letters.slice(start - before, start).findIndex((letter) => /\s/.test(letter));
  const cut = start - before + space + 1;
  const text = `…${letters.slice(cut).join('')}`;
  const marks = hit.marks.map(([from, to]): [number, number] => [from - cut + 1, to - cut + 1]);
  return { ...hit, text, marks };
}

/** What the hit is of, in a word or two: "line 42", "param hparams.lr", "train.py:7". */
export function hitPlace(hit: Hit): string {
  if (hit.kind === 'line') return `line ${(hit.line ?? 0) + 1}`;
  if (hit.kind === 'message') return 'message';
  if (hit.kind === 'code') return hit.line ? `${hit.name}:${hit.line}` : (hit.name ?? 'code');
  if (hit.kind === 'text') return `${hit.name ?? 'text'} · step ${hit.step ?? '–'}`;
  if (hit.field === 'param') return hit.name ?? 'param';
  return hit.field ?? 'run';
}

function query(words: Record<string, string | number | undefined>): string {
  const given = Object.entries(words).filter(([, value]) => value !== undefined && value !== '');
  return new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
}

/** The address of the exact place, relative to the base. */
export function hitHref(found: Pick<FoundRun, 'run'>, hit: Hit): string {
  const id = found.run.id;
  switch (hit.kind) {
    case 'line':
      return `${runHref(id, 'logs')}?${query({ writer: hit.writer })}#L${(hit.line ?? 0) + 1}`;
    case 'message':
      return [
        `${runHref(id, 'logs')}?${query({ view: 'messages', writer: hit.writer })}`,
        `M${hit.seq}`,
      ].join('#');
    case 'code':
      return `${runHref(id, 'code')}?${query({ file: hit.name })}#L${Math.max(1, hit.line ?? 1)}`;
    case 'text':
      return `${runHref(id, 'media')}?${query({ kind: 'text', name: hit.name, step: hit.step })}`;
    case 'run':
      if (hit.field === 'param') return `${runHref(id, 'params')}?${query({ find: hit.name })}`;
      return hit.field === 'note' ? `${runHref(id)}#notes` : runHref(id);
  }
}

/** A question that finds what is still being typed: its last word may go on. */
export function typedQuestion(text: string): string {
  const typed = text.trimEnd();
  // Within quotation marks words are whole.
  if (typed.split('"').length % 2 === 0) return typed;
  // A blank behind it says that the word is whole; signs mean something to the question itself.
  if (typed !== text || !/(^|[\s(])[\p{L}\p{N}_]{2,}$/u.test(typed)) return typed;
  // Numbers are cut short from four figures on only.
  return /(^|[\s(])\d{1,3}$/.test(typed) ? typed : `${typed}*`;
}
