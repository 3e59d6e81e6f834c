/** Drawing work is shared between frames, visible charts first, and nothing is drawn twice. */

import { expect, it } from 'vitest';
import { Crosshair, type Follower } from '../../../src/lib/chart/crosshair';
import { DrawQueue } from '../../../src/lib/chart/sched';

/** Frames that happen when a test says so, on a clock that it owns. */
class Frames {
  now = 0;
  #waiting: (() => void)[] = [];

  readonly next = (callback: () => void): void => void this.#waiting.push(callback);
  readonly clock = (): number => this.now;

  run(): void {
    for (const callback of this.#waiting.splice(0)) callback();
  }
}

it('goes on with unfinished work in the next frame', () => {
  const frames = new Frames();
  const queue = new DrawQueue(frames.next, frames.clock);
  let slices = 0;
  queue.add({}, () => ++slices === 3);
  for (let i = 0; i < 6; i++) frames.run();
  expect(slices).toBe(3);
});

it('leaves the rest to the next frame when the budget is spent', () => {
  const frames = new Frames();
  const queue = new DrawQueue(frames.next, frames.clock);
  const drawn: string[] = [];
  for (const name of ['a', 'b']) {
    queue.add({ name }, () => {
      frames.now += 20;
      return drawn.push(name) > 0;
    });
  }
  frames.run();
  expect(drawn).toEqual(['a']);
  frames.run();
  expect(drawn).toEqual(['a', 'b']);
});

it('keeps the newest work of an owner and waits until it is seen', () => {
  const frames = new Frames();
  const queue = new DrawQueue(frames.next, frames.clock);
  const owner = {};
  const drawn: string[] = [];
  queue.show(owner, false);
  queue.add(owner, () => drawn.push('old') > 0);
  queue.add(owner, () => drawn.push('new') > 0);
  frames.run();
  expect(drawn).toEqual([]);
  queue.show(owner, true);
  frames.run();
  expect(drawn).toEqual(['new']);
});

it('resolves many pointer moves once a frame and then tells every chart', () => {
  const frames = new Frames();
  const crosshair = new Crosshair(frames.next);
  let resolved = 0;
  const heard: (string | undefined)[] = [];
  const follower: Follower = {
    resolve: () => {
      resolved++;
      crosshair.set({ run: 'r1', series: 1, x: 5, source: follower }, 5);
    },
    follow: (aim) => heard.push(aim?.run),
  };
  crosshair.join(follower);
  for (let i = 0; i < 5; i++) crosshair.moved(follower);
  frames.run();
  expect(resolved).toBe(1);
  expect(heard).toEqual(['r1']);
});
