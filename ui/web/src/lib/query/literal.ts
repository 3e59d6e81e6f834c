/** Values and metrics the way a query spells them. */

import type { Context, Json } from '../api/types';

/** JSON but for None, True and False. */
export function literal(value: Json): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value === 'object') {
    const items = Object.entries(value).map(([key, one]) => `${literal(key)}: ${literal(one)}`);
    return `{${items.join(', ')}}`;
  }
  return JSON.stringify(value);
}

/** run.metrics["loss", {"subset": "val"}] */
export function metricExpression(name: string, context: Context): string {
  const where = Object.keys(context).length === 0 ? '' : `, ${literal(context)}`;
  return `run.metrics[${literal(name)}${where}]`;
}
