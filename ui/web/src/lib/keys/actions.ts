/**
 * What can be done here, by name.
 *
 * Pages offer actions while they are shown; the palette lists them beside the keys that are bound.
 */

import type { Component } from 'svelte';
import { boundKeys } from './keys';

export interface Action {
  /** Heading in the palette, such as "Table". */
  group: string;
  /** An imperative, such as "Export as CSV". */
  label: string;
  /** Other words by which it is found. */
  words?: string;
  icon?: Component<{ size?: number | string }>;
  run(): void;
}

export interface OfferedAction extends Action {
  /** The shortcut that does the same, as the key sheet has it. */
  keys: string;
}

const offered = new Set<readonly Action[]>();

/** Offers actions until the returned function is called. */
export function offerActions(actions: readonly Action[]): () => void {
  offered.add(actions);
  return () => {
    offered.delete(actions);
  };
}

/** All that is offered at this moment: first what the page offers, then what keys do. */
export function offeredActions(): OfferedAction[] {
  const byKey = boundKeys()
    .filter((binding) => binding.label !== '' && binding.offered !== false)
    .map(({ keys, group, label, icon, run }) => ({ keys, group, label, icon, run: () => run() }));
  const byName = [...offered].reverse().flat();
  return [...byName.map((action) => ({ ...action, keys: '' })), ...byKey];
}
