/** Changes that a person makes to a run: made at once, told, and taken back by a click. */

import { editRun, type RunWhole } from '../../lib/api/run';
import type { RunEdit } from '../../lib/api/types';
import { toasts } from '../../lib/ui/toasts.svelte';

/** The edit that puts things back as the run has them now. */
export function inverse(run: RunWhole, edit: RunEdit): RunEdit {
  const back: RunEdit = {};
  if ('name' in edit) back.name = run.name || null;
  if ('experiment' in edit) back.experiment = run.experiment || null;
  if ('description' in edit) back.description = run.description || null;
  if ('notes' in edit) back.notes = run.notes || null;
  if ('archived' in edit) back.archived = run.archived;
  if ('deleted' in edit) back.deleted = Boolean(run.deleted_at);
  const added = (edit.tags_added ?? []).filter((tag) => !run.tags.includes(tag));
  const removed = (edit.tags_removed ?? []).filter((tag) => run.tags.includes(tag));
  if (added.length > 0) back.tags_removed = added;
  if (removed.length > 0) back.tags_added = removed;
  return back;
}

/** Makes a change, says `done`, and offers to undo it. Returns whether it was made. */
export async function change(
  run: RunWhole,
  edit: RunEdit,
  done: string,
  onchanged: () => void,
): Promise<boolean> {
  const back = inverse(run, edit);
  try {
    await editRun(run.id, edit);
  } catch (reason) {
    toasts.failed('The run was not changed', reason);
    return false;
  }
  onchanged();
  const undo = (): Promise<unknown> => editRun(run.id, back).then(onchanged);
  toasts.show(done, { tone: 'ok', undo });
  return true;
}
