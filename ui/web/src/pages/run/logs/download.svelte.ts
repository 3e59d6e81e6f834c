/** A console kept as a file on the reader's machine, without its colours. */

import { plainText } from '../../../lib/ansi/ansi';
import { isAbort } from '../../../lib/api/client';
import type { RunWhole } from '../../../lib/api/run';
import { shownName } from '../../../lib/grid/columns';
import { toasts } from '../../../lib/ui/toasts.svelte';
import { LINES_AT_ONCE, type Lines } from './lines.svelte';

export class Download {
  busy = $state(false);
  /** Lines that were read. */
  done = $state(0);

  private abort = new AbortController();

  stop(): void {
    this.abort.abort();
  }

  async start(run: RunWhole, lines: Lines): Promise<void> {
    const { signal } = (this.abort = new AbortController());
    this.busy = true;
    this.done = 0;
    try {
      const parts: Blob[] = [];
      const total = lines.total;
      while (this.done < total) {
        const until = Math.min(total, this.done + LINES_AT_ONCE);
        const rows = await lines.range(this.done, until, signal);
        // A blob lets the browser keep what was read on the disk.
        parts.push(new Blob(rows.map((row) => `${plainText(row.text)}\n`)));
        this.done = until;
      }
      save(new Blob(parts, { type: 'text/plain' }), `${shownName(run)}.log`);
    } catch (reason) {
      if (!isAbort(reason)) toasts.failed('The lines were not downloaded', reason);
    } finally {
      this.busy = false;
    }
  }
}

function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[^\w.-]+/g, '-').slice(0, 120);
  link.click();
  URL.revokeObjectURL(link.href);
}
