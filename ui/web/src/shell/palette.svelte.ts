/**
 * What the palette offers for what is typed.
 *
 * Its entries in their order, under headings: actions, runs, hits, and what was searched before.
 */

import BookmarkIcon from '@lucide/svelte/icons/bookmark';
import type { Component } from 'svelte';
import type { Bookmark } from '../lib/api/bookmarks';
import type { FoundRun, Hit } from '../lib/api/types';
import { formatCount } from '../lib/format/number';
import { offeredActions, type OfferedAction } from '../lib/keys/actions';
import { hitHref, hitPlace, nearMark } from '../lib/search/hits';
import { bestMatches } from '../lib/search/match';
import { Question } from '../lib/search/question.svelte';
import { keepSearch, recentSearches } from '../lib/search/recent';
import { bookmarks } from '../lib/state/bookmarks.svelte';
import { route } from '../lib/state/route.svelte';

/** Runs and their hits as they are typed for: what fits the palette without much scrolling. */
const RUNS = 6;
const HITS = 3;
const ACTIONS = 5;
const RECENT = 5;
/** Letters before a mark: more would push it out of a narrow line. */
const BEFORE_MARK = 30;

export interface Entry {
  readonly id: string;
  /** What is shown large: plain words, or a hit. */
  readonly text: string;
  readonly hit?: Hit;
  /** Quieter words behind it. */
  readonly detail?: string;
  readonly run?: FoundRun['run'];
  readonly keys?: string;
  readonly icon?: Component<{ size?: number | string }>;
  /** Where it leads; an entry without one is done by `act`. */
  readonly href?: string;
  readonly act?: () => void;
}

export interface Section {
  readonly title: string;
  readonly entries: readonly Entry[];
}

export class Palette {
  text = $state('');
  /** Number of the entry that Enter takes. */
  active = $state(0);
  readonly question = new Question(RUNS, HITS);

  private actions = $state.raw<readonly OfferedAction[]>([]);
  private recent = $state.raw<readonly string[]>([]);

  readonly sections: readonly Section[] = $derived.by(() => {
    const typed = this.text.trim();
    const all = typed === '' ? this.atFirst() : this.found(typed);
    return all.filter((section) => section.entries.length > 0);
  });

  readonly entries: readonly Entry[] = $derived(this.sections.flatMap((one) => one.entries));

  /** Starts anew: what can be done is read at this moment. */
  start(): void {
    this.actions = offeredActions();
    this.recent = recentSearches();
    this.type('');
  }

  type(text: string): void {
    this.text = text;
    this.active = 0;
    this.question.type(text);
  }

  /** Moves the active entry, round at the ends. */
  move(by: number): void {
    const count = this.entries.length;
    if (count > 0) this.active = (this.active + by + count) % count;
  }

  /** Does what an entry says; returns false if the palette should stay open. */
  take(entry: Entry, elsewhere: boolean): boolean {
    if (entry.id.startsWith('recent ')) {
      this.type(entry.text);
      return false;
    }
    if (entry.href !== undefined) {
      keepSearch(this.text);
      if (elsewhere) window.open(new URL(entry.href, document.baseURI), '_blank', 'noopener');
      else route.go(entry.href);
    }
    entry.act?.();
    return true;
  }

  private atFirst(): Section[] {
    const goto = this.actions.filter((action) => action.group === 'Go to');
    const named = this.actions.filter(({ keys, group }) => keys === '' && group !== 'Anywhere');
    const recent = this.recent.slice(0, RECENT);
    return [
      {
        title: 'Recent searches',
        entries: recent.map((text) => ({ id: `recent ${text}`, text })),
      },
      { title: 'On this page', entries: named.slice(0, ACTIONS).map(actionEntry) },
      { title: 'Go to', entries: goto.map(actionEntry) },
    ];
  }

  private found(typed: string): Section[] {
    const actions = bestMatches(
      this.actions,
      typed,
      (action) => `${action.label} ${action.group} ${action.words ?? ''}`,
      ACTIONS,
    );
    const kept = bestMatches(bookmarks.list ?? [], typed, ({ name }) => name, ACTIONS);
    const answer = this.question.answer;
    const runs = answer?.runs ?? [];
    const href = `search?${new URLSearchParams({ q: typed }).toString()}`;
    const text = `Search for “${typed}”`;
    const detail = answer === null ? '' : countWords(answer.total, answer.exact);
    return [
      // Known at once, so they come first: nothing that is answered later moves what is chosen.
      { title: 'Actions', entries: actions.map(actionEntry) },
      { title: 'Bookmarks', entries: kept.map(bookmarkEntry) },
      { title: 'Runs', entries: runs.filter(isItself).map(runEntry) },
      { title: 'Said and logged', entries: runs.flatMap(hitEntries) },
      { title: 'Everywhere', entries: [{ id: 'all', text, detail, href }] },
    ];
  }
}

function countWords(total: number, exact: boolean): string {
  return `${exact ? '' : 'up to '}${formatCount(total)} ${total === 1 ? 'run' : 'runs'}`;
}

/** Whether the run is found by its own words: then it is one entry, whatever else it says. */
function isItself(found: FoundRun): boolean {
  return found.hits[0]?.kind === 'run';
}

function runEntry(found: FoundRun): Entry {
  const { run, hits } = found;
  const best = hits[0]!;
  const detail = best.field === 'name' ? run.experiment || '' : hitPlace(best);
  const text = run.name || run.id;
  return { id: `run ${run.id}`, text, hit: best, detail, run, href: hitHref(found, best) };
}

/** What the run said: a message, a line, a text, code. The first of them names the run. */
function hitEntries(found: FoundRun): Entry[] {
  return found.hits
    .filter((hit) => hit.kind !== 'run')
    .map((hit, index) => ({
      id: `hit ${found.run.id} ${index}`,
      text: hit.text,
      hit: nearMark(hit, BEFORE_MARK),
      // Of a file its own name: the folders are on the page that it leads to.
      detail: hitPlace({ ...hit, name: hit.name?.split('/').pop() }),
      run: index === 0 ? found.run : undefined,
      href: hitHref(found, hit),
    }));
}

function bookmarkEntry({ id, name, page, url }: Bookmark): Entry {
  return { id: `bookmark ${id}`, text: name, detail: page, icon: BookmarkIcon, href: url };
}

function actionEntry(action: OfferedAction): Entry {
  const { group, label, keys, icon, run } = action;
  return { id: `action ${group} ${label}`, text: label, detail: group, keys, icon, act: run };
}
