/** What changes elsewhere appears, without disturbing what is typed, the focus, or the place. */
import htmx from 'htmx.org';
import { isComposing, whenComposed } from './composition.ts';
import { cards, find, isOwn, main, on } from './page.ts';
import { tab } from './saving.ts';

/** How often a stream that could not be opened is tried again. */
const RETRY = 3000; // ms

/** Requests of the reader's own: what they change is shown by their answers. */
let underWay = 0;
let missed = false;

on('htmx:before:request', (request) => {
  if (isOwn(request)) underWay++;
});
on('htmx:finally:request', (request) => {
  if (isOwn(request)) underWay = Math.max(0, underWay - 1);
  if (missed) refresh();
});

/** Asks for the page as it is now. */
export function refresh(): void {
  if (main().dataset.live === undefined) return; // a question is on the page: it waits for an answer
  missed = isComposing() || underWay > 0;
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
function connect(): void {
  if (!document.hidden) htmx.trigger('#events', 'connect');
}
document.addEventListener('visibilitychange', connect);
on('htmx:finally:request', ({ sourceElement }) => {
  // The extension goes on by itself once a stream was open.
  if (sourceElement.id === 'events') setTimeout(connect, RETRY);
});

let opened = false;
on('htmx:sse:after:connection', () => {
  // After a break there may be news that nobody told.
  if (opened) refresh();
  opened = true;
  // The extension pauses when the tab goes out of sight, not when it was so before.
  if (document.hidden) setTimeout(() => document.dispatchEvent(new Event('visibilitychange')));
});
find('#events')?.addEventListener('changed', (event) => {
  if ((event as CustomEvent).detail.data !== tab) refresh();
});

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

/** Starts to listen, once htmx has seen the page. */
export const listen = () => setTimeout(connect);
