/** The bytes of values: by their blob's address, or from the answer itself. */

import { call } from '../../../lib/api/client';
import { blobUrl, type Value } from '../../../lib/api/run';

const SAFE_TYPE = /^[\w.+-]+\/[\w.+-]+$/;

/** The address of a value's bytes, for an image, a sound or a film. */
export function valueUrl(value: Value): string {
  if (value.blob) return blobUrl(value.blob, value.media_type);
  const type = SAFE_TYPE.test(value.media_type) ? value.media_type : 'application/octet-stream';
  return `data:${type};base64,${value.inline ?? ''}`;
}

function unpacked(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** The value's bytes as they come. */
export async function valueStream(
  value: Value,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  if (!value.blob) return new Blob([unpacked(value.inline ?? '')]).stream();
  const { body } = await call(`blobs/${value.blob}`, { signal });
  return body ?? new Blob([]).stream();
}

/** The value as text, whichever way it came. */
export async function valueText(value: Value, signal?: AbortSignal): Promise<string> {
  if (value.text !== undefined) return value.text;
  if (!value.blob) return new TextDecoder().decode(unpacked(value.inline ?? ''));
  const path = `blobs/${value.blob}?type=text/plain`;
  return (await call(path, { signal: signal ?? null })).text();
}

/** The value as JSON. Raises SyntaxError where it is none. */
export async function valueJson<T>(value: Value, signal?: AbortSignal): Promise<T> {
  return JSON.parse(await valueText(value, signal)) as T;
}

/** The JSON of a blob. */
export async function blobJson<T>(sha256: string, signal?: AbortSignal): Promise<T> {
  const path = `blobs/${sha256}?type=text/plain`;
  return (await call(path, { signal: signal ?? null })).json() as Promise<T>;
}
