/**
 * Words that come up for a moment.
 *
 * They say what was done, and how to take it back. `shell/Toasts.svelte` shows the stack.
 */

import { asApiError } from '../api/client';

export type ToastTone = 'plain' | 'ok' | 'bad';

export interface ToastOptions {
  tone?: ToastTone;
  /** A second, quieter line. */
  detail?: string;
  /** Takes back what was done. Its failure is told by a toast of its own. */
  undo?: () => void | Promise<unknown>;
  /** It stays until what it tells of is over. */
  lasting?: boolean;
}

export interface Toast extends ToastOptions {
  readonly id: number;
  readonly text: string;
  readonly tone: ToastTone;
}

/** Long enough to read a line, longer where there is something to decide. */
export const SHOWN_MS = 5_000;
export const SHOWN_UNDO_MS = 10_000;
/** More would cover the page; the oldest goes first, without an undo before one with it. */
export const TOASTS_MAX = 4;

class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  private next = 1;

  /** Shows a toast. Returns the way to take it away before its time. */
  show(text: string, options: ToastOptions = {}): () => void {
    const toast: Toast = { tone: 'plain', ...options, id: this.next++, text };
    const list = [...this.list];
    if (list.length >= TOASTS_MAX) {
      const idle = list.findIndex((one) => one.undo === undefined);
      list.splice(Math.max(0, idle), 1);
    }
    this.list = [...list, toast];
    return () => this.drop(toast.id);
  }

  /** Shows how far something is that takes long. Returns the ways to say it anew, and to end it. */
  during(text: string): { say: (text: string) => void; over: () => void } {
    const id = this.next;
    const over = this.show(text, { lasting: true });
    const said = (one: Toast, words: string) => (one.id === id ? { ...one, text: words } : one);
    return { say: (words) => (this.list = this.list.map((one) => said(one, words))), over };
  }

  /** Tells of something that did not work, in the words of the error. */
  failed(what: string, reason: unknown): void {
    const error = asApiError(reason);
    const detail = [error.message, error.hint].filter(Boolean).join('. ');
    this.show(what, { tone: 'bad', detail });
  }

  drop(id: number): void {
    this.list = this.list.filter((one) => one.id !== id);
  }

  /** Undoes the newest thing that can be undone; false if there is none. */
  undoNewest(): boolean {
    const toast = this.list.findLast((one) => one.undo !== undefined);
    if (toast !== undefined) void this.undo(toast);
    return toast !== undefined;
  }

  async undo(toast: Toast): Promise<void> {
    this.drop(toast.id);
    try {
      await toast.undo?.();
    } catch (reason) {
      this.failed('That could not be undone', reason);
    }
  }
}

export const toasts = new Toasts();
