/**
 * What a person changes of runs here: shown at once, and undone from a toast.
 */

import { getRun } from '../../lib/api/client';
import { EDITS_MAX, editRuns } from '../../lib/api/tables';
import type { RunEdit } from '../../lib/api/types';
import { formatCount } from '../../lib/format/number';
import type { Editable } from '../../lib/grid/columns';
import type { RunRow } from '../../lib/grid/rows';
import { idsQuery } from '../../lib/grid/words';
import { both } from '../../lib/query/columns';
import { literal } from '../../lib/query/literal';
import { toasts } from '../../lib/ui/toasts.svelte';
import type { RunsAnswer } from './answer.svelte';
import { idsOf, QUERIED_MAX } from './selection.svelte';

/** Of more runs than this, it takes fewer requests to ask for all that have a tag. */
const NAMED_MAX = 3_000;

/** "1 run", "12 runs". */
export function runsInWords(count: number): string {
  return count === 1 ? '1 run' : `${formatCount(count)} runs`;
}

/** "a, b , a" as tags: trimmed, each once. */
export function tagsOf(text: string): string[] {
  const tags = text.split(',').map((tag) => tag.trim());
  return [...new Set(tags.filter((tag) => tag !== ''))];
}

function sameText(one: string, other: string | null): boolean {
  return one === (other ?? '');
}

/** What changes if a field of a run becomes this text; null if nothing does. */
export function editOf(run: RunRow, field: Editable, text: string): RunEdit | null {
  if (field === 'tags') {
    const tags = tagsOf(text);
    const tags_added = tags.filter((tag) => !run.tags.includes(tag));
    const tags_removed = run.tags.filter((tag) => !tags.includes(tag));
    return tags_added.length + tags_removed.length === 0 ? null : { tags_added, tags_removed };
  }
  if (sameText(text, textOf(run, field))) return null;
  return { [field]: text.trim() === '' ? null : text };
}

/** A field as it is edited. */
export function textOf(run: RunRow, field: Editable): string {
  if (field === 'tags') return run.tags.join(', ');
  if (field === 'name') return run.name ?? '';
  if (field === 'experiment') return run.experiment ?? '';
  const cell = run.values.get(`run.${field}`);
  return typeof cell === 'string' ? cell : '';
}

/** What a longer text of a cell is cut to, with "…" behind it: as the server does. */
const CELL_CHARS_MAX = 500;

/** The run with the whole of a field that is to be edited: a cell shows a long one's beginning. */
export async function uncut(run: RunRow, field: Editable): Promise<RunRow> {
  if (field !== 'notes' && field !== 'description') return run;
  if ([...textOf(run, field)].length <= CELL_CHARS_MAX) return run;
  const whole = await getRun(run.id);
  return { ...run, values: new Map(run.values).set(`run.${field}`, whole[field]) };
}

/** What takes an edit of one run back. */
export function inverseOf(run: RunRow, edit: RunEdit): RunEdit {
  const back: RunEdit = {};
  if (edit.name !== undefined) back.name = run.name;
  if (edit.experiment !== undefined) back.experiment = run.experiment;
  for (const field of ['notes', 'description'] as const) {
    if (edit[field] !== undefined) back[field] = textOf(run, field) || null;
  }
  if (edit.tags_added !== undefined) back.tags_removed = edit.tags_added;
  if (edit.tags_removed !== undefined) back.tags_added = edit.tags_removed;
  return back;
}

/** The run as it will be. */
export function edited(run: RunRow, edit: RunEdit): RunRow {
  const values = new Map(run.values);
  for (const field of ['notes', 'description'] as const) {
    const text = edit[field];
    if (text !== undefined) values.set(`run.${field}`, text);
  }
  const removed = new Set(edit.tags_removed);
  const tags = run.tags.filter((tag) => !removed.has(tag));
  for (const tag of edit.tags_added ?? []) if (!tags.includes(tag)) tags.push(tag);
  return {
    ...run,
    values,
    tags: tags.sort(),
    name: edit.name === undefined ? run.name : (edit.name ?? run.id),
    experiment: edit.experiment === undefined ? run.experiment : edit.experiment,
  };
}

const SAID: Record<Editable, string> = {
  name: 'Renamed to',
  tags: 'Tagged',
  notes: 'Noted on',
  description: 'Described',
  experiment: 'Moved to experiment',
};

/** Changes one field of a run. */
export async function editField(
  answer: RunsAnswer,
  run: RunRow,
  field: Editable,
  text: string,
): Promise<void> {
  const edit = editOf(run, field, text);
  if (edit === null) return;
  const back = inverseOf(run, edit);
  const apply = async (change: RunEdit) => {
    answer.patch([run.id], (row) => edited(row, change));
    await editRuns([run.id], change);
    answer.doubt([run.id]);
  };
  try {
    await apply(edit);
    const what = field === 'name' || field === 'experiment' ? text || run.id : (run.name ?? run.id);
    toasts.show(`${SAID[field]} ${what}`, { undo: () => apply(back) });
  } catch (reason) {
    answer.patch([run.id], () => run);
    toasts.failed('The run was not changed', reason);
  }
}

interface TagEdit {
  tags_added: string[];
  tags_removed: string[];
}

/** Changes runs; of more than a request takes it tells how many are changed already. */
async function changeAll(ids: readonly string[], edit: RunEdit): Promise<void> {
  if (ids.length <= EDITS_MAX) return editRuns(ids, edit);
  let words = '';
  const toast = toasts.during(`Changing ${runsInWords(ids.length)}`);
  const heard = (done: number) => {
    words = `${formatCount(done)} of ${runsInWords(ids.length)} changed`;
    toast.say(words);
  };
  try {
    await editRuns(ids, edit, heard);
  } catch (reason) {
    if (words) toasts.show(words, { tone: 'bad', detail: 'The others are as they were' });
    throw reason;
  } finally {
    toast.over();
  }
}

/** Which of these runs have a tag. Few are named; of many, all that have it are asked for. */
async function having(tag: string, ids: readonly string[]): Promise<Set<string>> {
  // Who speaks of them is told of archived and deleted runs as well.
  const query = `${literal(tag)} in run.tags and run.archived in (True, False)` +
    ' and run.deleted in (True, False)';
  if (ids.length > NAMED_MAX) return new Set(await idsOf(query, [], 0, Infinity));
  const found = new Set<string>();
  for (let first = 0; first < ids.length; first += QUERIED_MAX) {
    const named = both(query, idsQuery(ids.slice(first, first + QUERIED_MAX)));
    for (const id of await idsOf(named, [], 0, QUERIED_MAX)) found.add(id);
  }
  return found;
}

/** What takes an edit of tags back: of each run only what it had not, or had, before. */
async function inverses(ids: readonly string[], edit: TagEdit): Promise<Map<string, TagEdit>> {
  const before = new Map<string, Set<string>>();
  for (const tag of [...edit.tags_added, ...edit.tags_removed]) {
    before.set(tag, await having(tag, ids));
  }
  return new Map(ids.map((id) => [id, {
    tags_removed: edit.tags_added.filter((tag) => !before.get(tag)?.has(id)),
    tags_added: edit.tags_removed.filter((tag) => before.get(tag)?.has(id)),
  }]));
}

async function applyAll(edits: ReadonlyMap<string, TagEdit>): Promise<void> {
  const alike = new Map<string, string[]>();
  for (const [id, edit] of edits) {
    const key = JSON.stringify(edit);
    const ids = alike.get(key);
    if (ids) ids.push(id);
    else alike.set(key, [id]);
  }
  for (const [key, ids] of alike) {
    const edit = JSON.parse(key) as TagEdit;
    if (edit.tags_added.length + edit.tags_removed.length > 0) await changeAll(ids, edit);
  }
}

/** Adds and removes tags of many runs. */
export async function editTags(
  answer: RunsAnswer,
  ids: readonly string[],
  edit: TagEdit,
): Promise<void> {
  try {
    const back = await inverses(ids, edit);
    await changeAll(ids, edit);
    await answer.reload();
    const undo = async () => {
      await applyAll(back);
      await answer.reload();
    };
    const { tags_added, tags_removed } = edit;
    const words = [
      ...tags_added.map((tag) => `+${tag}`),
      ...tags_removed.map((tag) => `−${tag}`),
    ].join(' ');
    toasts.show(`${runsInWords(ids.length)}: ${words}`, { undo });
  } catch (reason) {
    toasts.failed('The tags were not changed', reason);
  }
}

/** Archives, deletes, or brings back. */
export async function setAside(
  answer: RunsAnswer,
  ids: readonly string[],
  edit: { archived: boolean } | { deleted: boolean },
): Promise<void> {
  const [said, back] =
    'archived' in edit
      ? [edit.archived ? 'archived' : 'out of the archive', { archived: !edit.archived }]
      : [edit.deleted ? 'deleted' : 'restored', { deleted: !edit.deleted }];
  try {
    await changeAll(ids, edit);
    await answer.reload();
    toasts.show(`${runsInWords(ids.length)} ${said}`, {
      undo: async () => {
        await changeAll(ids, back);
        await answer.reload();
      },
    });
  } catch (reason) {
    toasts.failed(`The runs were not ${said}`, reason);
  }
}
