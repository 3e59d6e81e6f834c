/** Who is signed in. */

import { askJson, sendJson } from './client';

export interface Session {
  /** Whether the server asks who one is; if not, everybody may all. */
  auth: boolean;
  role: 'shipper' | 'viewer' | 'member' | 'admin';
  may: string[];
  /** Within which experiments; null is all. */
  experiments: string[] | null;
  /** Of the token. */
  name: string;
  /** When one has to sign in again. */
  expires_at: number | null;
}

export function getSession(): Promise<Session> {
  return askJson('session');
}

/** Signs this browser in for a token. */
export function signIn(token: string): Promise<Session> {
  return sendJson('POST', 'session', { token });
}

export function signOut(): Promise<{ signed_out: boolean }> {
  return sendJson('DELETE', 'session');
}
