/** A figure as a page that plotly draws, for a frame; plotly is the server's own. */

import { call } from '../../../lib/api/client';
import type { Json } from '../../../lib/api/types';

let library: Promise<string> | null = null;

/** The text of plotly.js. Raises ApiError where the server has none. */
async function plotly(): Promise<string> {
  library ??= call('plotly.js', {}).then((answer) => answer.text());
  try {
    return await library;
  } catch (reason) {
    library = null;
    throw reason;
  }
}

/** No text of a figure can end the script that it stands in. */
function inScript(json: Json): string {
  return JSON.stringify(json).replaceAll('<', '\\u003c');
}

export async function plotlyPage(figure: Json): Promise<string> {
  const end = '</script>';
  return [
    '<!doctype html><body style="margin:0"><div id="figure" style="height:100vh"></div>',
    `<script>${await plotly()}${end}`,
    `<script>const figure = ${inScript(figure)};`,
    'Plotly.newPlot("figure", figure.data, figure.layout, {displaylogo: false, responsive: true});',
    end,
  ].join('');
}
