/** Changes that were made elsewhere appear, without disturbing what is typed, the focus, or the place. */
import htmx from 'htmx.org';
import { isComposing, whenComposed } from './composition.ts';
import {
  admitRefresh,
  beginChange,
  beginRefresh,
  createFreshness,
  endRefresh,
  needsRefresh,
} from './freshness.ts';
import { cards, events, isOwn, main, on, type RequestContext, tab } from './page.ts';
import { backOff } from './sending.ts';

/** The server says every 25 s that it is there. */
const SILENCE = 60_000; // ms

const freshness = createFreshness();

/** Whether the page may be refreshed: one with a question on it waits for its answer. */
const isLive = () => main().dataset.live !== undefined;

/** Shows the page as it is now, as soon as nothing stands in the way. */
export function refresh(): void {
  freshness.isStale ||= isLive();
  whenComposed(catchUp);
}

function catchUp(): void {
  if (!isLive() || !needsRefresh(freshness)) return;
  htmx.ajax('GET', location.pathname + location.search, {
    target: '#main',
    swap: 'outerMorph show:none',
  });
}

function watchRequests(): void {
  on('htmx:before:request', (context) => {
    if (isOwn(context)) beginChange(freshness, context);
    else beginRefresh(freshness);
  });
  on('htmx:after:request', (context, event) => {
    if (isOwn(context)) return;
    const isAdmitted = admitRefresh(freshness, !isLive() || isComposing());
    // Going back in the history shows another page in any case.
    if (!isAdmitted && !context.request.headers['HX-History-Restore-Request'])
      event.preventDefault();
  });
  on('htmx:finally:request', (context) => {
    if (isOwn(context)) freshness.changes.delete(context);
    else if (!endRefresh(freshness)) return;
    whenComposed(catchUp);
  });
}

let stream: EventSource | undefined;
/** Whether the page may be older than the stream: changes in between were told to nobody. */
let isLate = document.hidden;
let failures = 0;
/** When the stream said something last, in ms. */
let heard = 0;

/** Opens the stream anew; for the visible tab only, as a browser has few connections to one host. */
function connect(): void {
  stream?.close();
  if (document.hidden) return;
  const source = new EventSource(events);
  stream = source;
  heard = Date.now();
  source.onopen = () => {
    if (isLate) refresh();
    isLate = true;
    failures = 0;
  };
  source.onerror = () => {
    isLate = true;
    // The browser reconnects by itself, unless the response was no stream.
    if (source.readyState !== source.CLOSED) return;
    setTimeout(() => source === stream && connect(), backOff(failures++) * 1000);
  };
  const hear = ({ type, data }: MessageEvent) => {
    heard = Date.now();
    if (type === 'changed' && data !== tab) refresh();
  };
  source.addEventListener('changed', hear);
  source.addEventListener('alive', hear);
}

/** New memos above what is being read must not push it away. Not all browsers see to that. */
function anchorScroll(): void {
  let anchor: { card: HTMLElement; top: number } | undefined;
  const boxOf = (card: HTMLElement) => card.getBoundingClientRect();
  on('htmx:before:swap', ({ sourceElement }: RequestContext) => {
    const card = cards().find((it) => boxOf(it).bottom > 0);
    const isRefresh = sourceElement === document.body;
    anchor = isRefresh && scrollY > 0 && card ? { card, top: boxOf(card).top } : undefined;
  });
  on('htmx:after:swap', () => {
    if (anchor?.card.isConnected) {
      scrollBy({ top: boxOf(anchor.card).top - anchor.top, behavior: 'instant' });
    }
    anchor = undefined;
  });
}

export function start(): void {
  watchRequests();
  anchorScroll();
  document.addEventListener('visibilitychange', connect);
  addEventListener('online', connect);
  // A network that goes away without a word leaves a stream that stays silent.
  setInterval(() => {
    if (Date.now() - heard > SILENCE) connect();
  }, SILENCE / 4);
  connect();
}
