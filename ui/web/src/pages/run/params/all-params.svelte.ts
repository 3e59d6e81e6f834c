/** All params of a run, a page at a time: a run may have ten thousand of them. */

import { asApiError, getRun, isAbort, type ApiError } from '../../../lib/api/client';
import { getParams, type RunWhole } from '../../../lib/api/run';
import { leavesOf, type Leaf } from './leaves';

const PAGE = 1_000;
/** So many are held and shown: beyond it a search of the server finds what is looked for. */
export const LEAVES_MAX = 20_000;

/** Whether a run's own answer has all of its params. */
function isWhole(run: RunWhole): boolean {
  return run.params_total === undefined || run.params_shown === run.params_total;
}

export class AllParams {
  leaves = $state.raw<readonly Leaf[]>([]);
  total = $state(0);
  error = $state.raw<ApiError | null>(null);
  loading = $state(false);
  /** False until all that is to be shown is here. */
  known = $state(false);

  private abort = new AbortController();

  /** Shows the params of a run; those that its answer left out come after it. */
  async show(run: RunWhole): Promise<void> {
    this.stop();
    if (isWhole(run)) {
      this.leaves = leavesOf(run.params);
      this.total = this.leaves.length;
      this.error = null;
      this.known = true;
      return;
    }
    await this.read(run.id, run.params_total ?? 0);
  }

  /** Shows the params of a run that is known by its id alone. */
  async showOther(id: string): Promise<void> {
    this.clear();
    const abort = this.abort;
    this.loading = true;
    try {
      const run = (await getRun(id, abort.signal)) as RunWhole;
      if (!abort.signal.aborted) await this.show(run);
    } catch (reason) {
      if (!isAbort(reason)) this.error = asApiError(reason);
    } finally {
      this.loading = false;
    }
  }

  clear(): void {
    this.stop();
    this.leaves = [];
    this.total = 0;
    this.error = null;
    this.known = false;
  }

  stop(): void {
    this.abort.abort();
    this.abort = new AbortController();
  }

  private async read(id: string, expected: number): Promise<void> {
    const { signal } = this.abort;
    const found: Leaf[] = [];
    this.total = expected;
    this.loading = true;
    try {
      let cursor: string | undefined;
      do {
        const page = await getParams(id, { limit: PAGE, ...(cursor && { cursor }) }, signal);
        if (signal.aborted) return;
        found.push(...page.params);
        // What was shown before stays until there is more to show.
        if (found.length >= this.leaves.length) this.leaves = [...found];
        this.total = page.total;
        cursor = page.cursor ?? undefined;
      } while (cursor !== undefined && found.length < LEAVES_MAX);
      this.leaves = found;
      this.error = null;
      this.known = true;
    } catch (reason) {
      if (!isAbort(reason)) this.error = asApiError(reason);
    } finally {
      if (!signal.aborted) this.loading = false;
    }
  }
}
