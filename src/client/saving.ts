/** Sending: the view goes with every form, a save that fails says so and is tried again. */
import htmx from 'htmx.org';
import { whenComposed } from './composition.ts';
import { forget, isUnsaved, keep, orphan, supersede } from './drafts.ts';
import {
  composers,
  doubt,
  fetchPatiently,
  isComposer,
  isOwn,
  messages,
  on,
  type Request,
  say,
  textOf,
  view,
} from './page.ts';

/** Names this tab to the server, so that it does not hear of its own changes. */
export const tab = crypto.getRandomValues(new Uint32Array(2)).join('');

const RETRY = 3; // seconds, doubled each time
const LONGEST_RETRY = 60;

/** What was sent from a form whose answer is not known yet. */
const sent = new WeakMap<HTMLFormElement, string>();
const attempts = new WeakMap<HTMLFormElement, number>();
/** Whose request is under way; and who was told to save once more meanwhile. */
const underWay = new WeakSet<HTMLFormElement>();
const again = new WeakSet<HTMLFormElement>();

on('htmx:config:request', ({ sourceElement, request }) => {
  request.headers['Memo-Tab'] = tab;
  // htmx leaves it out when it goes back in the history.
  request.headers['HX-Request'] = 'true';
  // The page does not jump: what was looked at stays where it is.
  delete request.anchor;
  const here = view();
  if (request.method === 'POST') {
    // A notice may be older than what the page shows now.
    for (const name of ['before', 'through', 'q', 'pinned']) request.body.delete(name);
    for (const [name, value] of here) request.body.set(name, value);
  } else if (sourceElement.matches('article > footer > a, [data-key=cancel]')) {
    const through = here.get('through');
    if (through) request.body.set('through', through);
  } else if (sourceElement.matches('.search') && !request.body.get('q')) {
    request.body.delete('q');
  }
});

// As one types, the address is that of the search as it is now; going back leaves it.
on('htmx:before:history:update', (_, { detail: { history, sourceElement } }) => {
  if (sourceElement.matches('.search') && view().has('q')) history.type = 'replace';
});

on('htmx:before:request', (request) => {
  request.fetch = fetchPatiently;
  // htmx marks the form; a card's button stands outside of it.
  request.request.submitter?.classList.add('htmx-request');
  const { sourceElement } = request;
  if (!isComposer(sourceElement)) return;
  underWay.add(sourceElement);
  keep(sourceElement);
  const area = textOf(sourceElement);
  sent.set(sourceElement, area.value);
  // Below an edit there is nothing to go on with: what is typed now would be lost with the form.
  area.readOnly = sourceElement.id !== 'new';
});
on('htmx:finally:request', ({ sourceElement, request }) => {
  request?.submitter?.classList.remove('htmx-request');
  if (!isComposer(sourceElement)) return;
  textOf(sourceElement).readOnly = false;
  underWay.delete(sourceElement);
  // When htmx is done with this one.
  setTimeout(() => saveNext(sourceElement));
});
// Before htmx sees it: then the first press is not under way yet.
document.addEventListener(
  'submit',
  ({ target }) => {
    const form = target as HTMLFormElement;
    if (underWay.has(form)) again.add(form);
  },
  { capture: true },
);

on('htmx:before:response', (request, event) => {
  const { sourceElement, response } = request;
  const { status, headers } = response!;
  const isOurs = headers.has('Memo-Fragment');
  if (!isOurs || (isComposer(sourceElement) && headers.has('Retry-After'))) {
    event.preventDefault();
    fail(request);
  } else if (isComposer(sourceElement) && status >= 400) {
    sent.delete(sourceElement);
    again.delete(sourceElement);
    if (!headers.has('HX-Retarget')) supersede(sourceElement);
  } else if (status >= 400 && !isOwn(request)) {
    // Nobody has asked for anything: what is on the page stays. But an ended login is worth to know.
    if (status !== 401) event.preventDefault();
  } else if (status === 404) {
    const id = new URL(request.request.action, location.href).searchParams.get('edit');
    if (id && orphan(id)) {
      event.preventDefault();
      htmx.ajax('GET', location.pathname, { target: '#main', push: 'true', swap: 'outerMorph' });
      say(messages.orphaned);
    }
  }
});
// Not before the whole answer has come: until then, the same form would be sent again.
on('htmx:after:request', ({ sourceElement, response }) => {
  if (isComposer(sourceElement) && response!.status < 400) saved(sourceElement);
});
on('htmx:error', (request) => {
  if (request.request) fail(request);
});

function saved(form: HTMLFormElement): void {
  attempts.delete(form);
  const text = sent.get(form) ?? '';
  whenComposed(() => {
    sent.delete(form);
    const { value } = textOf(form);
    // What was typed since then is the beginning of another memo.
    forget(form, value.startsWith(text) ? value.slice(text.length).trimStart() : value);
    saveNext(form);
  });
}

/** Saves what was to be saved while another save was under way, now that it has a key of its own. */
function saveNext(form: HTMLFormElement): void {
  if (underWay.has(form) || sent.has(form) || !again.delete(form)) return;
  if (form.isConnected && isUnsaved(form)) form.requestSubmit();
}

function fail(request: Request): void {
  const { sourceElement, response } = request;
  if (!isOwn(request)) return; // what was to be looked up is looked up again
  if (!isComposer(sourceElement)) {
    doubt.isStale = true;
    say(messages.offline);
    return;
  }
  say(messages.retrying);
  const attempt = attempts.get(sourceElement) ?? 0;
  attempts.set(sourceElement, attempt + 1);
  const asked = Number(response?.headers.get('Retry-After'));
  const seconds = Math.max(asked || 0, Math.min(RETRY * 2 ** attempt, LONGEST_RETRY));
  setTimeout(() => retry(sourceElement), seconds * 1000);
}

/** The same form is sent again, with the same key, unless its text has been saved or given up. */
function retry(form: HTMLFormElement): void {
  if (!form.isConnected || !sent.has(form)) return;
  if (isUnsaved(form)) form.requestSubmit();
  else say();
}
addEventListener('online', () => composers().forEach(retry));
