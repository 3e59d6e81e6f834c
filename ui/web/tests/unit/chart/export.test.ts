/** What is exported is what is on screen, in a form that other programs read. */

import { expect, it } from 'vitest';
import { csvOf, jsonOf, legendOf } from '../../../src/lib/chart/export';
import { LINEAR } from '../../../src/lib/chart/scales';
import { escaped, svgOf } from '../../../src/lib/chart/svg';
import { lineOf } from './samples';

const line = lineOf([1, NaN, 3], {
  low: Float32Array.of(0, NaN, 3), high: Float32Array.of(2, NaN, 3),
});
const named = [{ names: ['r"1', 'a,b'], line }];

it('writes each visible point as a row, with the extremes of its bucket', () => {
  const rows = csvOf(['run', 'name'], named, 'step', 0, 1).trimEnd().split('\n');
  expect(rows).toEqual([
    'run,name,step,value,min,max,smoothed', '"r""1","a,b",0,1,0,2,', '"r""1","a,b",1,NaN,NaN,NaN,',
  ]);
});

it('tells of a group how many members stand behind each value', () => {
  const rest = { low: Float32Array.of(0, 1, 2), high: Float32Array.of(2, 3, 4) };
  const counts = Float32Array.of(2, 0, 1);
  const group = { names: ['', 'adam'], line: lineOf([1, 2, 3], rest), counts };
  const rows = csvOf(['run', 'name'], [group, ...named], 'step', 0, 2).trimEnd().split('\n');
  expect(rows.slice(0, 4)).toEqual([
    'run,name,step,value,min,max,smoothed,members', ',adam,0,1,0,2,,2', ',adam,2,3,2,4,,1',
    '"r""1","a,b",0,1,0,2,,',
  ]);
  const [told] = JSON.parse(jsonOf(['run', 'name'], [group], 'step', 0, 2));
  expect(told.members).toEqual([2, 1]);
});

it('writes lines as JSON, with NaN spelled out', () => {
  const told = JSON.parse(jsonOf(['run', 'name'], named, 'step', 0, 9));
  expect(told).toEqual([
    { run: 'r"1', name: 'a,b', step: [0, 1, 2], value: [1, 'NaN', 3], min: [0, 'NaN', 3],
      max: [2, 'NaN', 3] },
  ]);
});

const palette = {
  surface: '#fff', veil: '#fff', grid: '#eee', text: '#111', muted: '#666', bad: '#c00',
  dark: false,
};

it('draws the same paths as SVG, and shows names as text', () => {
  const svg = svgOf(
    [{
      title: '<b>&', at: 0, frame: {
        x: [0, 2], y: [0, 4], scaleX: LINEAR, scaleY: LINEAR, xKind: 'step',
        lines: [lineOf([1, 2, 3], { color: '#123456' })], bands: [], palette,
        width: 300, height: 200,
      },
    }],
    [{ label: 'a<script>', color: '#123456' }],
    1,
  );
  expect(svg).toContain('stroke="#123456"');
  expect(svg).toContain('&lt;b&gt;&amp;');
  expect(svg).not.toContain('<script');
  expect(svg.match(/<path d="M46 /g)?.length).toBeGreaterThan(0);
});

it('draws the marks of what no line can reach', () => {
  const broken = lineOf([1, NaN, 3], { broken: true, color: '#123456' });
  const frame = {
    x: [0, 2], y: [0, 4], scaleX: LINEAR, scaleY: LINEAR, xKind: 'step', lines: [broken],
    bands: [], palette, width: 300, height: 200,
  } as const;
  const svg = svgOf([{ title: 'loss', at: 3, frame }], [], 2);
  expect(svg).toContain('fill="#c00"');
  expect(svg).toContain('translate(324 252)');
  expect(svg).toMatch(/<path d="M[\d. ]+L[\d. ]+M[\d. ]+L[\d. ]+" stroke="#123456"/);
});

it('says how many keys a legend has no room for', () => {
  const keys = Array.from({ length: 30 }, (_, at) => ({ label: `run ${at}`, color: '#123456' }));
  expect(legendOf(keys.slice(0, 24))).toHaveLength(24);
  expect(legendOf(keys).map(({ label }) => label).slice(-2)).toEqual(['run 22', 'and 7 more']);
  const [long] = legendOf([{ label: 'x'.repeat(99), color: '#123456' }]);
  expect(long!.label).toBe(`${'x'.repeat(47)}…`);
});

it('replaces characters that XML cannot hold', () => {
  expect(escaped('a\u0000"b')).toBe('a\ufffd&quot;b');
});
