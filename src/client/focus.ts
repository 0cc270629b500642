/** Where the reader is: the focus never gets lost, older memos stay loaded, notices fade. */
import { cards, changeQuery, find, findAll, main, on, pageQuery } from './page.ts';

const NOTICE_TIME = 10_000; // ms

/** The place in the list that had the focus last. */
let place = -1;
function notePlace(): void {
  const at = cards().findIndex((card) => card.contains(document.activeElement));
  if (at >= 0) place = at;
}

/** The card that has the focus, or undefined. */
export const currentCard = () => document.activeElement?.closest<HTMLElement>('#main article');

/** Moves the focus up or down the list. */
export function moveFocus(by: number): void {
  const all = cards();
  notePlace();
  // From a card that is gone, the next one has come into its place.
  const next = currentCard() ? place + by : Math.max(place, 0);
  (all[Math.max(next, 0)] ?? all.at(-1))?.focus();
}

/** What each page needs, when it is loaded and after each swap. */
function preparePage(): void {
  // A click, a key and the script can give a card the focus; for Tab it is no stop.
  for (const card of cards()) card.tabIndex = -1;
  findAll('#notice [data-fades]').forEach(fade);
  showTimes();
}

/** Says when things were, in the reader's own zone: on hover, and on paper. */
function showTimes(): void {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, {
    dateStyle: 'long',
    timeStyle: 'short',
  });
  for (const time of findAll<HTMLTimeElement>('time')) {
    time.title = format.format(new Date(time.dateTime));
  }
}

/** Takes a notice away after a while, but not from under a pointer or the focus. */
function fade(notice: Element): void {
  setTimeout(() => {
    if (notice.matches(':hover') || notice.querySelector(':focus-visible')) {
      fade(notice);
      return;
    }
    const focused = notice.contains(document.activeElement);
    notice.remove();
    if (focused) restoreFocus('');
  }, NOTICE_TIME);
}

/** The focus was on something that is gone: it goes to the memo that was changed, or where it was. */
function restoreFocus(action: string): void {
  const id = /\/memo\/(\d+)/.exec(action)?.[1];
  const card = find(`#m${id}`) ?? (place >= 0 ? cards()[place] : undefined);
  (card ?? main()).focus({ preventScroll: true });
}

/** The search's field shows the query of the page. */
function showQuery(): void {
  (find('.search input') as HTMLInputElement).value = pageQuery().get('q') ?? '';
}

/** The address says how far down the reader has gone, so that a reload comes back to it. */
function rememberLast(): void {
  const last = cards().at(-1);
  if (last) changeQuery((query) => query.set('through', last.id.slice(1)));
}

export function start(): void {
  document.addEventListener('focusin', ({ target }) => {
    notePlace();
    // A card that has the focus itself is read aloud.
    const text = (target as Element).querySelector<HTMLElement>(':scope > .text');
    if (text) (target as HTMLElement).ariaLabel = text.innerText;
  });
  // Other cards may have come above it since.
  on('htmx:before:swap', notePlace);
  on('htmx:after:swap', ({ request }) => {
    preparePage();
    const { activeElement } = document;
    if (!activeElement?.matches('.search input')) showQuery();
    if (request?.action.includes('/memo?')) rememberLast();
    // A form to write in says itself that it wants the focus, once.
    const fresh = find('#main .composer:not(#new) [autofocus]');
    if (fresh) fresh.removeAttribute('autofocus');
    else if (activeElement === document.body) restoreFocus(request?.action ?? '');
  });
  document.addEventListener('htmx:before:history:restore', showQuery);

  // The composer has the focus when the page is loaded; after that, the reader decides.
  for (const element of findAll('[autofocus]')) element.removeAttribute('autofocus');
  preparePage();
}
