/** Where the reader is: the focus never gets lost, older memos stay loaded, notices go. */
import { cards, changeView, find, main, on, view } from './page.ts';

const NOTICE_TIME = 10_000; // ms

/** The place in the list that had the focus last. */
let place = -1;
function notePlace(): void {
  const at = cards().findIndex((card) => card.contains(document.activeElement));
  if (at >= 0) place = at;
}
document.addEventListener('focusin', ({ target }) => {
  notePlace();
  // A card that has the focus itself is read.
  const text = (target as Element).querySelector<HTMLElement>(':scope > .text');
  if (text) (target as HTMLElement).ariaLabel = text.innerText;
});
// Others may have come above it since.
on('htmx:before:swap', notePlace);

/** The card that has the focus, or undefined. */
export const currentCard = () => document.activeElement?.closest<HTMLElement>('#main article');

/** Moves the focus up or down the list. */
export function step(by: number): void {
  const all = cards();
  notePlace();
  // From a card that is gone, the next one has come into its place.
  const next = currentCard() ? place + by : Math.max(place, 0);
  all[Math.min(Math.max(next, 0), all.length - 1)]?.focus();
}

/** A click, a key and the script can give a card the focus; for Tab it is no stop. */
function makeFocusable(): void {
  for (const card of cards()) card.tabIndex = -1;
}

on('htmx:after:swap', ({ request }) => {
  makeFocusable();
  const input = find('.search input')!;
  if (input !== document.activeElement) showQuery();
  if (request?.action.includes('/memo?')) remember();

  for (const fading of document.querySelectorAll('#notice [data-fades]')) fade(fading);

  // The forms to write in say themselves where the focus goes, once.
  const fresh = main().querySelector<HTMLElement>('.composer:not(#new) [autofocus]');
  if (fresh) fresh.removeAttribute('autofocus');
  else if (document.activeElement === document.body) settle(request?.action ?? '');
  showTimes();
});

/** The search's field says what the page shows. */
function showQuery(): void {
  (find('.search input') as HTMLInputElement).value = view().get('q') ?? '';
}
document.addEventListener('htmx:before:history:restore', showQuery);

/** The focus was on something that is gone: to the memo that it was about, or where it was. */
function settle(action: string): void {
  const id = /\/memo\/(\d+)/.exec(action)?.[1];
  const card = find(`#m${id}`) ?? (place >= 0 ? cards()[place] : undefined);
  (card ?? main()).focus({ preventScroll: true });
}

/** The address says how far down the reader has gone, so that a reload comes back to it. */
function remember(): void {
  const last = cards().at(-1);
  if (last) changeView((query) => query.set('through', last.id.slice(1)));
}

/** Takes a notice away after a while, but not from under somebody's finger or focus. */
function fade(notice: Element): void {
  setTimeout(() => {
    if (!notice.isConnected) return;
    if (notice.matches(':hover') || notice.querySelector(':focus-visible')) {
      fade(notice);
      return;
    }
    const focused = notice.contains(document.activeElement);
    notice.remove();
    if (focused) settle('');
  }, NOTICE_TIME);
}

/** Says when things were, in the reader's own zone: on hover, and on paper. */
function showTimes(): void {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, {
    dateStyle: 'long',
    timeStyle: 'short',
  });
  for (const time of document.querySelectorAll('time')) {
    time.title = format.format(new Date(time.dateTime));
  }
}

// The composer has the focus when the page comes; after that, the reader decides.
for (const element of document.querySelectorAll('[autofocus]'))
  element.removeAttribute('autofocus');
for (const fading of document.querySelectorAll('#notice [data-fades]')) fade(fading);
makeFocusable();
showTimes();
