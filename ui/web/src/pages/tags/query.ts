/** The runs of tags, as a query and as an address. */

import { literal } from '../../lib/query/literal';

/** Where the runs that have a tag are listed. */
export function runsHref(tag: string, archived = false): string {
  const q = `${literal(tag)} in run.tags${archived ? ' and run.archived' : ''}`;
  return `runs?${new URLSearchParams({ q }).toString()}`;
}
