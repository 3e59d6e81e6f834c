/**
 * Keyboard shortcuts.
 *
 * Pages bind them while they are shown; the key sheet lists what is bound.
 */

import type { Component } from 'svelte';

export interface KeyBinding {
  /** "j", "Escape", two keys in turn: "g r", or with Ctrl (Command on a Mac): "Mod+k". */
  keys: string;
  /** What it does, as the key sheet shows it. Empty hides it there. */
  label: string;
  /** Heading on the key sheet. */
  group: string;
  /** Called by the palette without an event. */
  run(event?: KeyboardEvent): void;
  /** Also while a text field has the focus. */
  inFields?: boolean;
  /** False keeps it out of the palette: moving a cursor makes no sense from there. */
  offered?: boolean;
  /** Beside it in the palette. */
  icon?: Component<{ size?: number | string }>;
}

/** The second key of a pair has to follow within this time. */
const PAIR_MS = 1_200;

const bound = new Set<readonly KeyBinding[]>();
let prefix = '';
let prefixTimer: ReturnType<typeof setTimeout> | undefined;

/** Binds keys until the returned function is called. A later binding of a key wins. */
export function bindKeys(bindings: readonly KeyBinding[]): () => void {
  bound.add(bindings);
  return () => {
    bound.delete(bindings);
  };
}

/** Everything bound at this moment, oldest first. */
export function boundKeys(): KeyBinding[] {
  return [...bound].flat();
}

function isField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

/** Enter and space on a focused control belong to that control. */
function isPressOfControl(event: KeyboardEvent): boolean {
  if (event.key !== 'Enter' && event.key !== ' ') return false;
  return event.target instanceof Element && event.target.closest('a, button, summary') !== null;
}

function find(keys: string, inField: boolean): KeyBinding | undefined {
  return boundKeys()
    .reverse()
    .find((binding) => binding.keys === keys && (!inField || binding.inFields === true));
}

function setPrefix(key: string): void {
  clearTimeout(prefixTimer);
  prefix = key;
  if (key !== '') prefixTimer = setTimeout(() => (prefix = ''), PAIR_MS);
}

function pressed(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.altKey) return;
  if (isPressOfControl(event)) return;
  const inField = isField(event.target);
  const held = event.ctrlKey || event.metaKey;
  const key = held ? `Mod+${event.key.toLowerCase()}` : event.key;
  const keys = prefix === '' ? key : `${prefix} ${key}`;
  const binding = find(keys, inField);
  setPrefix('');
  if (binding !== undefined) {
    event.preventDefault();
    binding.run(event);
    return;
  }
  if (inField || held) return;
  if (boundKeys().some((other) => other.keys.startsWith(`${event.key} `))) setPrefix(event.key);
}

/** Listens to the whole window. Returns the way to stop. */
export function listenToKeys(): () => void {
  addEventListener('keydown', pressed);
  return () => removeEventListener('keydown', pressed);
}
