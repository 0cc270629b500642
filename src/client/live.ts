/** What changes elsewhere appears, without disturbing what is typed, the focus, or the place. */
import htmx from 'htmx.org';
import { isComposing, whenComposed } from './composition.ts';
import { cards, isOwn, main, on } from './page.ts';
import { tab } from './saving.ts';

/** When a stream that was refused is tried again; doubled each time. */
const RETRY = 3; // seconds
const LONGEST_RETRY = 60;
/** The server says every 25 s that it is there. */
const SILENCE = 60_000; // ms

/** Requests of the reader's own: what they change is shown by their answers. */
let underWay = 0;
let begun = 0;
let missed = false;
/** How many of them had begun when the page was asked for. */
const before = new WeakMap<object, number>();

on('htmx:before:request', (request) => {
  if (!isOwn(request)) {
    before.set(request.request, begun);
    return;
  }
  underWay++;
  begun++;
});
on('htmx:finally:request', (request) => {
  if (isOwn(request)) underWay = Math.max(0, underWay - 1);
  if (missed) refresh();
});

// What was asked for while nothing stood in the way must not take the place of what has come since.
on('htmx:after:request', (request, event) => {
  if (isOwn(request) || request.request.headers['HX-History-Restore-Request']) return;
  if (isLive() && !isBusy() && before.get(request.request) === begun) return;
  event.preventDefault();
  refresh();
});

/** A page with a question on it waits for an answer. */
const isLive = () => main().dataset.live !== undefined;
const isBusy = () => isComposing() || underWay > 0;

/** Asks for the page as it is now. */
export function refresh(): void {
  if (!isLive()) return;
  missed = isBusy();
  if (!missed) {
    htmx.ajax('GET', location.pathname + location.search, {
      target: '#main',
      swap: 'outerMorph show:none',
    });
  } else if (underWay === 0) {
    whenComposed(refresh);
  }
}

/** One stream, and for the visible tab only: a browser has few connections to one host. */
let stream: EventSource | undefined;
/** Whether there may be news that nobody told: the page is older than the stream. */
let opened = document.hidden;
let failures = 0;
function connect(): void {
  if (document.hidden) {
    stream?.close();
    stream = undefined;
    return;
  }
  if (stream && stream.readyState !== EventSource.CLOSED) return;
  stream = new EventSource(document.body.dataset.events!);
  stream.onopen = () => {
    // After a break there may be news that nobody told.
    if (opened) refresh();
    opened = true;
    failures = 0;
  };
  stream.onerror = () => {
    opened = true;
    // The browser goes on by itself, unless what came was no stream.
    const seconds = Math.min(RETRY * 2 ** failures++, LONGEST_RETRY);
    if (stream?.readyState === EventSource.CLOSED) setTimeout(connect, seconds * 1000);
  };
  stream.addEventListener('changed', ({ data }) => {
    heard = Date.now();
    if (data !== tab) refresh();
  });
  stream.addEventListener('alive', () => {
    heard = Date.now();
  });
  heard = Date.now();
}
document.addEventListener('visibilitychange', connect);

/** A network that went away without a word leaves a stream that says nothing any more. */
let heard = 0;
function reconnect(): void {
  stream?.close();
  connect();
}
addEventListener('online', reconnect);
setInterval(() => {
  if (stream && Date.now() - heard > SILENCE) reconnect();
}, SILENCE / 4);

// New memos above what is being read must not push it away. Not all browsers see to that.
let anchor: { card: HTMLElement; top: number } | undefined;
on('htmx:before:swap', ({ sourceElement }) => {
  const card = cards().find((it) => it.getBoundingClientRect().bottom > 0);
  const top = card?.getBoundingClientRect().top;
  anchor = sourceElement === document.body && scrollY > 0 && card ? { card, top: top! } : undefined;
});
on('htmx:after:swap', () => {
  if (anchor?.card.isConnected) {
    scrollBy({ top: anchor.card.getBoundingClientRect().top - anchor.top, behavior: 'instant' });
  }
  anchor = undefined;
});

connect();
