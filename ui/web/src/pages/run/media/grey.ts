/**
 * A grey PNG as its levels.
 *
 * A canvas would give eight bits of sixteen, and colours that the browser has corrected: class ids
 * are no colours.
 */

export interface Grey {
  width: number;
  height: number;
  /** Row by row from the top. */
  levels: Uint8Array | Uint16Array;
}

/** Pixels of a picture that is read: twice the largest photographs, 128 MiB at sixteen bits. */
const PIXELS_MAX = 1 << 26;
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Length and type before the bytes of a chunk, and a checksum behind them. */
const CHUNK_HEAD = 8;
const CHUNK_END = 4;

/** Raises Error for what is no grey PNG of 8 or 16 bits, and for one that is cut short. */
export async function readGrey(buffer: ArrayBuffer): Promise<Grey> {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  if (!SIGNATURE.every((byte, at) => bytes[at] === byte)) throw new Error('This is no PNG');
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [depth, color, interlaced] = [bytes[24], bytes[25], bytes[28]];
  if (color !== 0 || interlaced !== 0 || (depth !== 8 && depth !== 16)) {
    throw new Error('This PNG is not of 8 or 16 grey bits');
  }
  if (width * height > PIXELS_MAX) {
    throw new Error(`${width} × ${height} pixels are too many to be drawn over a picture`);
  }
  const size = depth / 8;
  const rows = await inflated(pixelChunks(bytes, view), height * (1 + width * size));
  return { width, height, levels: unfiltered(rows, width, height, size) };
}

function pixelChunks(bytes: Uint8Array<ArrayBuffer>, view: DataView): Blob {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let at = SIGNATURE.length;
  while (at + CHUNK_HEAD <= bytes.length) {
    const length = view.getUint32(at);
    const from = at + CHUNK_HEAD;
    const type = String.fromCharCode(...bytes.subarray(at + 4, from));
    if (type === 'IDAT') parts.push(bytes.subarray(from, from + length));
    at = from + length + CHUNK_END;
  }
  return new Blob(parts);
}

/** So many bytes of a deflated stream, and not one more, whatever the stream would become. */
async function inflated(blob: Blob, length: number): Promise<Uint8Array> {
  const out = new Uint8Array(length);
  const reader = blob.stream().pipeThrough(new DecompressionStream('deflate')).getReader();
  let at = 0;
  while (at < length) {
    const { done, value } = await reader.read();
    if (done) throw new Error('The PNG is cut short');
    out.set(value.subarray(0, length - at), at);
    at += value.length;
  }
  await reader.cancel();
  return out;
}

/** What each row adds to its left and upper neighbours, added up: section 9 of the PNG format. */
function unfiltered(
  rows: Uint8Array, width: number, height: number, size: number,
): Uint8Array | Uint16Array {
  const stride = width * size;
  const out = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (stride + 1)]!;
    const from = y * (stride + 1) + 1;
    const to = y * stride;
    for (let x = 0; x < stride; x++) {
      const left = x >= size ? out[to + x - size]! : 0;
      const up = y > 0 ? out[to + x - stride]! : 0;
      const corner = y > 0 && x >= size ? out[to + x - stride - size]! : 0;
      out[to + x] = rows[from + x]! + predicted(filter, left, up, corner);
    }
  }
  if (size === 1) return out;
  // PNG has the high byte first.
  return Uint16Array.from({ length: width * height }, (_, at) => (
    (out[2 * at]! << 8) | out[2 * at + 1]!
  ));
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  if (filter === 0) return 0;
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const guess = left + up - corner;
  const [byLeft, byUp, byCorner] = [guess - left, guess - up, guess - corner].map(Math.abs) as [
    number, number, number,
  ];
  if (byLeft <= byUp && byLeft <= byCorner) return left;
  return byUp <= byCorner ? up : corner;
}
