/** What the processes that printed are called. */

import type { LineWriter } from '../../../lib/api/run';

/** "rank 3", or the host where ranks are not told apart. */
export function writerName(writer: LineWriter): string {
  if (writer.rank !== null) return `rank ${writer.rank}`;
  return writer.host === '' ? writer.writer : writer.host;
}

/** Names by writer; none where there is only one. */
export function writerNames(writers: readonly LineWriter[]): Map<string, string> {
  if (writers.length < 2) return new Map();
  return new Map(writers.map((writer) => [writer.writer, writerName(writer)]));
}
