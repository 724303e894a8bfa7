/** State of the view, which is stored after the # of the address, so that a link shows the same view. */

export type Only = 'all' | 'failed' | 'running';

export interface ViewState {
  readonly query: string;
  readonly user: string;
  /** Entity id of the first process of the session; '' for all sessions. */
  readonly session: string;
  /** Unix seconds. */
  readonly from: number | null;
  readonly to: number | null;
  readonly only: Only;
  /** Entity id; '' for none. */
  readonly selected: string;
}

export const EVERYTHING: ViewState = {
  query: '',
  user: '',
  session: '',
  from: null,
  to: null,
  only: 'all',
  selected: '',
};

export function hashOf(state: ViewState): string {
  const { query, user, session, from, to, only, selected } = state;
  const parts = new URLSearchParams();
  if (query) parts.set('q', query);
  if (user) parts.set('user', user);
  if (session) parts.set('session', session);
  if (from !== null) parts.set('from', String(from));
  if (to !== null) parts.set('to', String(to));
  if (only !== 'all') parts.set('only', only);
  if (selected) parts.set('process', selected);
  const text = parts.toString();
  return text === '' ? '' : `#${text}`;
}

/** Ignores invalid parts. */
export function stateOf(hash: string): ViewState {
  const parts = new URLSearchParams(hash.replace(/^#/, ''));
  const seconds = (name: string) => (/^\d{1,12}$/.test(parts.get(name) ?? '') ? Number(parts.get(name)) : null);
  const only = parts.get('only');
  return {
    query: parts.get('q') ?? '',
    user: parts.get('user') ?? '',
    session: parts.get('session') ?? '',
    from: seconds('from'),
    to: seconds('to'),
    only: only === 'failed' || only === 'running' ? only : 'all',
    selected: parts.get('process') ?? '',
  };
}
