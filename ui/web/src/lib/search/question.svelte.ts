/**
 * A question as it is being typed.
 *
 * It is asked while the keys still come; an answer that is late for the text is never shown.
 */

import { asApiError, isAbort, searchTexts, type ApiError } from '../api/client';
import type { SearchRequest, SearchResponse } from '../api/types';
import { typedQuestion } from './hits';

/** Keys of one stroke of the hand share a request; nobody notices so short a wait. */
const GATHER_MS = 15;

type Ask = (request: SearchRequest, signal: AbortSignal) => Promise<SearchResponse>;

/** What is asked beside the words. */
export interface Beside {
  /** The runs that are looked at. */
  query?: string;
  /** Runs that are shown, where it is not what the question began with. */
  limit?: number;
  /** What the words become before they are sent, such as words of one field. */
  compose?: (words: string) => string;
}

export class Question {
  /** The last answer; while another one is awaited it stands, and `asking` says so. */
  answer = $state.raw<SearchResponse | null>(null);
  error = $state.raw<ApiError | null>(null);
  asking = $state(false);

  private readonly limit: number;
  private readonly hits: number;
  private readonly ask: Ask;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private abort: AbortController | null = null;

  constructor(limit: number, hits: number, ask: Ask = searchTexts) {
    this.limit = limit;
    this.hits = hits;
    this.ask = ask;
  }

  /** Takes the text as it stands. An empty one has no answer. */
  type(text: string, beside: Beside = {}): void {
    clearTimeout(this.timer);
    this.abort?.abort();
    this.abort = null;
    if (text.trim() === '') {
      this.clear();
      return;
    }
    this.asking = true;
    this.timer = setTimeout(() => void this.send(typedQuestion(text), beside), GATHER_MS);
  }

  /** Forgets question and answer. */
  stop(): void {
    clearTimeout(this.timer);
    this.abort?.abort();
    this.abort = null;
    this.clear();
  }

  private clear(): void {
    this.answer = null;
    this.error = null;
    this.asking = false;
  }

  private async send(words: string, beside: Beside): Promise<void> {
    const abort = new AbortController();
    this.abort = abort;
    const request: SearchRequest = {
      q: beside.compose?.(words) ?? words,
      limit: beside.limit ?? this.limit,
      hits: this.hits,
    };
    if (beside.query) request.query = beside.query;
    try {
      const answer = await this.ask(request, abort.signal);
      if (this.abort !== abort) return;
      this.answer = answer;
      this.error = null;
      this.asking = false;
    } catch (reason) {
      if (isAbort(reason) || this.abort !== abort) return;
      this.error = asApiError(reason);
      this.answer = null;
      this.asking = false;
    }
  }
}
