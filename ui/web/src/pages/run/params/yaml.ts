/** Settings as YAML 1.2, to be copied into a file. */

import type { Json, Params } from '../../../lib/api/types';
import { isBranch } from './leaves';

/** Words that a reader of YAML takes for something else than a text. */
const MEANT =
  /^(?:~|null|true|false|yes|no|on|off|y|n|[-+]?(?:\.?\d.*|\.inf)|\.nan|0[xo].*|---.*|\.\.\.)$/i;
const PLAIN = /^[A-Za-z0-9_./][\w ./+@%-]*$/;

function scalar(value: Json): string {
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) >= 1e21) {
    return value.toExponential();
  }
  if (typeof value !== 'string') return JSON.stringify(value);
  const plain = PLAIN.test(value) && !MEANT.test(value) && !/[ ]$/.test(value);
  // A text of JSON is one of YAML too.
  return plain ? value : JSON.stringify(value);
}

function lines(value: Json, indent: string): string[] {
  if (isBranch(value) && Object.keys(value).length > 0) return mapLines(value, indent);
  if (Array.isArray(value) && value.length > 0) {
    return value.flatMap((item) => {
      const [first = '', ...rest] = lines(item, `${indent}  `);
      return [`${indent}- ${first.trimStart()}`, ...rest];
    });
  }
  return [`${indent}${Array.isArray(value) ? '[]' : scalar(value)}`];
}

function mapLines(params: Params, indent: string): string[] {
  return Object.entries(params).flatMap(([key, value]) => {
    const deep =
      (isBranch(value) && Object.keys(value).length > 0)
      || (Array.isArray(value) && value.length > 0);
    const head = `${indent}${scalar(key)}:`;
    if (deep) return [head, ...lines(value, `${indent}  `)];
    return [`${head} ${lines(value, '')[0]}`];
  });
}

export function toYaml(params: Params): string {
  if (Object.keys(params).length === 0) return '{}\n';
  return `${mapLines(params, '').join('\n')}\n`;
}
