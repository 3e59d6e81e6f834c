/** The tabs of a run, in the order in which they are shown. */

export const TABS = [
  { name: '', label: 'Overview' },
  { name: 'params', label: 'Params' },
  { name: 'metrics', label: 'Metrics' },
  { name: 'system', label: 'System' },
  { name: 'logs', label: 'Logs' },
  { name: 'media', label: 'Media' },
  { name: 'code', label: 'Code' },
  { name: 'settings', label: 'Settings' },
] as const;

export type TabName = (typeof TABS)[number]['name'];

/** The tab that an address names, or null if there is none of that name. */
export function tabOf(name: string): TabName | null {
  return TABS.find((tab) => tab.name === name)?.name ?? null;
}
