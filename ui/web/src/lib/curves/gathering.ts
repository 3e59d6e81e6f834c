/** Requests for curves that are made at the same moment, sent as one. */

import { getFrames } from '../api/client';
import { decodeFrames } from '../api/frames';
import type { Smooth } from '../api/types';
import type { Range } from '../chart/model';
import { arraysOf, type CurveArrays } from './arrays';
import { type AxisWord, axisOf } from './axis';

/** How curves are wanted; those that are wanted alike can share an answer. */
export interface CurveStyle {
  readonly axis: AxisWord;
  readonly points: number;
  readonly range: Range | null;
  readonly smooth: Smooth | null;
  /** A fork begins with its parent's points. */
  readonly inherit: boolean;
}

export type Curves = Map<number, CurveArrays>;

/** Panels that come into sight together ask within this time of each other. */
const GATHER_MS = 6;
/** Series in one request: an answer of 256 points each is then about 6 MB. */
const GATHERED_SERIES_MAX = 2_000;

interface Batch {
  readonly ids: Set<number>;
  readonly answer: Promise<Curves>;
  readonly close: () => void;
}

async function read(ids: readonly number[], style: CurveStyle): Promise<Curves> {
  const buffer = await getFrames({
    ids: [...ids],
    x: axisOf(style.axis),
    points: style.points,
    range: style.range && [style.range[0], style.range[1]],
    columns: ['last', 'min', 'max'],
    smooth: style.smooth,
    inherit: style.inherit,
  });
  const { series, exact } = decodeFrames(buffer);
  return new Map(series.map((frame, at) => [frame.id, arraysOf(frame, exact[at] ?? false)]));
}

/** Puts the series of many askers into few requests. */
export class Gathering {
  readonly #open = new Map<string, Batch>();
  readonly #read: typeof read;

  constructor(reader: typeof read = read) {
    this.#read = reader;
  }

  /** The curves of these series. The answer is shared: it may hold others too. */
  ask(ids: readonly number[], style: CurveStyle): Promise<Curves> {
    const key = JSON.stringify(style);
    const known = this.#open.get(key);
    const batch = known ?? this.#begin(key, style);
    for (const id of ids) batch.ids.add(id);
    if (batch.ids.size >= GATHERED_SERIES_MAX) batch.close();
    return batch.answer;
  }

  #begin(key: string, style: CurveStyle): Batch {
    const ids = new Set<number>();
    let send = (): void => undefined;
    const answer = new Promise<Curves>((resolve, reject) => {
      send = () => void this.#read([...ids], style).then(resolve, reject);
    });
    const close = (): void => {
      clearTimeout(timer);
      if (this.#open.get(key)?.ids !== ids) return;
      this.#open.delete(key);
      send();
    };
    const timer = setTimeout(close, GATHER_MS);
    const batch: Batch = { ids, answer, close };
    this.#open.set(key, batch);
    return batch;
  }
}

/** The one that all pages share. */
export const gathering = new Gathering();
