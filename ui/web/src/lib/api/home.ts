/** What is new in a store, and on which days something was. */

import { askJson, queryOf } from './client';
import type { Alert, RunHead, Run, Summary } from './types';

/** A run as Home tells it: without its params, with its newest metrics. */
export interface HomeRun extends Omit<RunHead, 'params' | 'description'> {
  progress: Run['progress'];
  /** Seconds until it is done, where its progress tells. */
  eta_s: number | null;
  /** When its newest point was tracked. */
  updated_at: number | null;
  /** A few of those that the script tracked. */
  metrics: Summary[];
  /** All series of the run, the machine's too. */
  series_total: number;
  alerts_total: number;
}

export interface FiredAlert extends Alert {
  run: string;
  run_name: string;
}

/** A process that nothing was heard of for too long. */
export interface SilentWriter {
  run: string;
  run_name: string;
  writer: string;
  host: string;
  rank: number | null;
  last_seen: number | null;
}

export interface Home {
  running: HomeRun[];
  running_total: number;
  recent: HomeRun[];
  /** Runs in sight. */
  total: number;
  /** The newest first. */
  alerts: FiredAlert[];
  silent: SilentWriter[];
  watermark: number;
}

export interface ActiveDay {
  /** "2026-11-28", in the zone that was asked for. */
  day: string;
  runs: number;
  /** Null for whoever may see some experiments only. */
  points: number | null;
}

export function getHome(limit: number, signal?: AbortSignal): Promise<Home> {
  return askJson(`home?${queryOf({ limit })}`, signal);
}

/** Days with something, of the last `days`, cut at midnight `offsetMin` minutes east of UTC. */
export async function getActivity(
  days: number,
  offsetMin: number,
  signal?: AbortSignal,
): Promise<ActiveDay[]> {
  const path = `activity?${queryOf({ days, offset_min: offsetMin })}`;
  return (await askJson<{ days: ActiveDay[] }>(path, signal)).days;
}
