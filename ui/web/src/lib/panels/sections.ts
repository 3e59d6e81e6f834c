/** Metric names in sections: by what stands before the slash, or by the part of the machine. */

import { formatBytes, formatValue } from '../format/number';

/** A name that has a panel. */
export interface PanelName {
  readonly name: string;
  /** What the panel is called in its section. */
  readonly title: string;
  /** How many runs have it. */
  readonly runs: number;
}

export interface Section {
  /** "train"; empty for names without a slash. */
  readonly key: string;
  readonly title: string;
  readonly panels: readonly PanelName[];
}

/** Before the names of series that are captured of the machine. */
const SYSTEM = '__system__/';

/** Parts of the machine by the first word of a series' name, in the order they are shown. */
const DEVICES: readonly (readonly [string, RegExp])[] = [
  ['GPU', /^gpu/],
  ['Processor', /^(cpu|load)/],
  ['Memory', /^(memory|swap|container_memory)/],
  ['Process', /^process/],
  ['Disk', /^disk/],
  ['Network', /^network/],
];
const ELSEWHERE = 'Other';

export function isSystem(name: string): boolean {
  return name.startsWith(SYSTEM);
}

/** What a value of a machine's series is in, told by how its name ends. */
const UNITS: readonly (readonly [RegExp, string, (value: number) => string])[] = [
  [/_bytes_per_s$/, 'bytes a second', (value) => `${formatBytes(value)}/s`],
  [/_bytes$/, 'bytes', formatBytes],
  [/_percent$/, '%', (value) => `${formatValue(value, 3)} %`],
  [/_c$/, '°C', (value) => `${formatValue(value, 3)} °C`],
  [/_w$/, 'W', (value) => `${formatValue(value, 3)} W`],
  [/_mhz$/, 'MHz', (value) => `${formatValue(value)} MHz`],
];

/** The unit of a series, and how its values are said; null for what has none. */
export function unitOf(name: string): { unit: string; text: (value: number) => string } | null {
  if (!isSystem(name)) return null;
  const found = UNITS.find(([ending]) => ending.test(name));
  return found ? { unit: found[1], text: found[2] } : null;
}

function systemTitle(name: string): string {
  const bare = name.slice(SYSTEM.length);
  const ending = UNITS.find(([rule]) => rule.test(bare))?.[0];
  return (ending ? bare.replace(ending, '') : bare).replaceAll('_', ' ');
}

function sectionOf(name: string): string {
  if (isSystem(name)) {
    const bare = name.slice(SYSTEM.length);
    return DEVICES.find(([, rule]) => rule.test(bare))?.[0] ?? ELSEWHERE;
  }
  const slash = name.lastIndexOf('/');
  return slash > 0 ? name.slice(0, slash) : '';
}

function titleOf(name: string, section: string): string {
  if (isSystem(name)) return systemTitle(name);
  return section === '' ? name : name.slice(section.length + 1);
}

const collator = new Intl.Collator('en', { numeric: true });

function place(key: string): number {
  const device = DEVICES.findIndex(([title]) => title === key);
  return device < 0 ? DEVICES.length : device;
}

/** Names without a slash come first, the machine's parts in their own order, others by name. */
export function sectionsOf(names: readonly { name: string; runs: number }[]): Section[] {
  const sections = new Map<string, PanelName[]>();
  for (const { name, runs } of names) {
    const key = sectionOf(name);
    const panels = sections.get(key) ?? [];
    sections.set(key, panels);
    panels.push({ name, runs, title: titleOf(name, key) });
  }
  return [...sections]
    .sort(([a], [b]) => Number(b === '') - Number(a === '') ||
      (names.some(({ name }) => isSystem(name)) ? place(a) - place(b) : 0) ||
      collator.compare(a, b))
    .map(([key, panels]) => ({
      key,
      title: key || 'Metrics',
      panels: panels.sort((a, b) => collator.compare(a.name, b.name)),
    }));
}
