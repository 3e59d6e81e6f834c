/** What the members of a group share, in words. */

import type { Group } from '../../lib/api/tables';
import { formatSetting } from '../../lib/format/number';
import type { Column } from '../../lib/grid/columns';

/** "adam" of one key, "lr 0.1 · seed none" of several. */
export function groupLabel(
  by: readonly string[],
  group: Group,
  column: (word: string) => Column,
): string {
  const parts = group.key.map((value, place) => {
    const { title } = column(by[place] ?? '');
    const said =
      value === null ? 'none'
      : Array.isArray(value) && value.length === 0 ? 'none'
      : Array.isArray(value) && value.every((item) => typeof item === 'string') ? value.join(', ')
      : formatSetting(value);
    const named = by.length > 1 || typeof value !== 'string';
    return named ? `${title} ${said}` : said;
  });
  return parts.join(' · ');
}
