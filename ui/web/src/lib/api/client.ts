/**
 * Calls to the server.
 *
 * They lie under the page's base, can be aborted, and fail with one kind of error.
 */

import type {
  ErrorBody,
  FramesRequest,
  Health,
  RunDetail,
  RunsRequest,
  RunsResponse,
  SearchRequest,
  SearchResponse,
  SeriesRequest,
  SeriesResponse,
} from './types';

/**
 * Where the app lives, with a trailing slash. Read once: a relative base moves with the history.
 */
export const BASE: string =
  typeof document === 'undefined' ? 'http://localhost/' : new URL('.', document.baseURI).href;

/** Code of an error that no server answered: the network or the server is gone. */
export const OFFLINE = 'offline';

/** Codes of what can't be answered just now, and can in a moment without anybody's doing. */
const PASSING = ['store_busy', 'view_damaged', 'too_fast'];

/** Code of the answer to a browser that is not signed in. */
const ASKED_WHO = 'not_signed_in';

let askedWho: () => void = () => undefined;

/** Calls back whenever the server asks who one is. Returns the way to stop. */
export function onAskedWho(listener: () => void): () => void {
  askedWho = listener;
  return () => (askedWho = () => undefined);
}

/** A failed call. `at` is the span of the query that is at fault, if one is. */
export class ApiError extends Error {
  readonly code: string;
  readonly hint: string | null;
  readonly at: [number, number] | null;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;

  constructor(status: number, body: ErrorBody) {
    super(body.message);
    this.name = 'ApiError';
    this.status = status;
    this.code = body.code;
    this.hint = body.hint ?? null;
    this.at = body.at ?? null;
  }

  /** Whether it heals by itself: views are being made, or too much is asked at once. */
  get passing(): boolean {
    return PASSING.includes(this.code);
  }
}

/** True for the rejection that follows our own abort: nobody needs to hear of it. */
export function isAbort(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'AbortError';
}

/** Any thrown thing as an ApiError, so that every error box shows the same fields. */
export function asApiError(reason: unknown): ApiError {
  if (reason instanceof ApiError) return reason;
  const message = reason instanceof Error ? reason.message : String(reason);
  return new ApiError(0, { code: 'unexpected', message, hint: null, at: null });
}

export function apiUrl(path: string): string {
  return new URL(`api/v1/${path}`, BASE).href;
}

async function failure(response: Response): Promise<ApiError> {
  try {
    const body = (await response.json()) as { error?: ErrorBody };
    if (body.error) return new ApiError(response.status, body.error);
  } catch {
    // Not our server's JSON: a proxy answered, and its status is all there is to tell.
  }
  return new ApiError(response.status, {
    code: `http_${response.status}`,
    message: `The server answered ${response.status} ${response.statusText}`.trim(),
    hint: null,
    at: null,
  });
}

export async function call(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(apiUrl(path), init);
  } catch (reason) {
    if (isAbort(reason)) throw reason;
    throw new ApiError(0, {
      code: OFFLINE,
      message: 'The server does not answer',
      hint: 'Is `foldline up` still running?',
      at: null,
    });
  }
  if (response.ok) return response;
  const error = await failure(response);
  if (error.code === ASKED_WHO) askedWho();
  throw error;
}

function send(
  method: string,
  path: string,
  body: unknown,
  signal?: AbortSignal,
): Promise<Response> {
  return call(path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: signal ?? null,
  });
}

export function post(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  return send('POST', path, body, signal);
}

/** What stands behind the "?": of each word its value, without those that are undefined. */
export function queryOf(words: Record<string, string | number | boolean | undefined>): string {
  const given = Object.entries(words).filter(([, value]) => value !== undefined);
  return new URLSearchParams(given.map(([word, value]) => [word, String(value)])).toString();
}

/** The JSON that a GET answers. */
export async function askJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await call(path, { signal: signal ?? null })).json() as Promise<T>;
}

/** The JSON that a request with a JSON body answers. */
export async function sendJson<T>(
  method: 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body: unknown = {},
  signal?: AbortSignal,
): Promise<T> {
  return (await send(method, path, body, signal)).json() as Promise<T>;
}

export async function getHealth(signal?: AbortSignal): Promise<Health> {
  return (await call('health', { signal: signal ?? null })).json() as Promise<Health>;
}

export async function searchRuns(
  request: RunsRequest,
  signal?: AbortSignal,
): Promise<RunsResponse> {
  return (await post('runs/search', request, signal)).json() as Promise<RunsResponse>;
}

export async function getRun(id: string, signal?: AbortSignal): Promise<RunDetail> {
  const path = `runs/${encodeURIComponent(id)}`;
  return (await call(path, { signal: signal ?? null })).json() as Promise<RunDetail>;
}

export async function searchSeries(
  request: SeriesRequest,
  signal?: AbortSignal,
): Promise<SeriesResponse> {
  return (await post('series/search', request, signal)).json() as Promise<SeriesResponse>;
}

export async function searchTexts(
  request: SearchRequest,
  signal?: AbortSignal,
): Promise<SearchResponse> {
  return askJson(`search?${queryOf({ ...request })}`, signal);
}

/** Binary columns; see frames.ts for their layout. */
export async function getFrames(
  request: FramesRequest,
  signal?: AbortSignal,
): Promise<ArrayBuffer> {
  return (await post('series/frames', request, signal)).arrayBuffer();
}
