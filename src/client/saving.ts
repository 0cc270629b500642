/** Requests: what goes with each of them, and how a text is sent until it is saved. */
import htmx from 'htmx.org';
import { whenComposed } from './composition.ts';
import { forgetDraft, isUnsaved, keepDraft, orphan, supersedeDraft } from './drafts.ts';
import { refresh } from './live.ts';
import {
  CANCEL_LINK,
  composers,
  EDIT_LINK,
  fetchPatiently,
  isComposer,
  isOwn,
  messages,
  on,
  pageQuery,
  type RequestContext,
  setNotice,
  tab,
  textOf,
} from './page.ts';
import { admit, begin, createSending, end, fail, restOf, type Sending } from './sending.ts';

const sendings = new WeakMap<Element, Sending>();
function sendingOf(form: Element): Sending {
  if (!sendings.has(form)) sendings.set(form, createSending());
  return sendings.get(form)!;
}

function configure({ sourceElement, request }: RequestContext): void {
  request.headers['Memo-Tab'] = tab;
  // htmx leaves it out when it goes back in the history.
  request.headers['HX-Request'] = 'true';
  // The page must not jump: what is being looked at stays where it is.
  delete request.anchor;
  const query = pageQuery();
  if (request.method === 'POST') {
    // A notice may be older than what the page shows now.
    for (const name of ['before', 'through', 'q', 'pinned']) request.body.delete(name);
    for (const [name, value] of query) request.body.set(name, value);
    return;
  }
  const through = query.get('through');
  if (through && sourceElement.matches(`${EDIT_LINK}, ${CANCEL_LINK}`))
    request.body.set('through', through);
  // Of a search without a query, the address is the plain page's.
  if (!request.body.get('q')) request.body.delete('q');
}

function beforeRequest(context: RequestContext): void {
  context.fetch = fetchPatiently;
  // htmx marks the form; a card's button stands outside of it.
  context.request.submitter?.classList.add('htmx-request');
  const { sourceElement } = context;
  if (!isComposer(sourceElement)) return;
  keepDraft(sourceElement);
  const area = textOf(sourceElement);
  begin(sendingOf(sourceElement), area.value);
  // The form of an edit goes when it is saved, and with it what would be typed until then.
  area.readOnly = sourceElement.id !== 'new';
}

function beforeResponse(context: RequestContext, event: CustomEvent): void {
  const { sourceElement, request, response } = context;
  const { status, headers } = response!;
  const isOurs = headers.has('Memo-Fragment');
  if (!isOurs || (isComposer(sourceElement) && headers.has('Retry-After'))) {
    event.preventDefault();
    handleFailure(context);
  } else if (isComposer(sourceElement)) {
    // The page asks what to do with the text.
    if (status >= 400 && !headers.has('HX-Retarget')) supersedeDraft(sourceElement);
  } else if (status >= 400 && !isOwn(context)) {
    // The reader has asked for nothing: the page stays. But an ended session has to be told.
    if (status !== 401) event.preventDefault();
  } else if (status === 404) {
    const id = new URL(request.action, location.href).searchParams.get('edit');
    if (id && orphan(id)) {
      event.preventDefault();
      htmx.ajax('GET', location.pathname, { target: '#main', push: 'true', swap: 'outerMorph' });
      setNotice(messages.orphaned);
    }
  }
}

function afterRequest({ sourceElement: form, response }: RequestContext): void {
  if (!isComposer(form) || response!.status >= 400) return;
  whenComposed(() => forgetDraft(form, restOf(sendingOf(form), textOf(form).value)));
}

function afterAll({ sourceElement: form, request, response }: RequestContext): void {
  request?.submitter?.classList.remove('htmx-request');
  if (!isComposer(form)) return;
  textOf(form).readOnly = false;
  // After a failure the form waits for its retry: ended later, that would be forgotten.
  if (sendingOf(form).status !== 'sending') return;
  // A new memo's form has another key by now; and htmx must be done with this request.
  setTimeout(() => {
    whenComposed(() => {
      const isQueued = end(sendingOf(form)) && response!.status < 400;
      if (isQueued && form.isConnected && isUnsaved(form)) form.requestSubmit();
    });
  });
}

function handleFailure(context: RequestContext): void {
  const { sourceElement: form, response } = context;
  if (!isOwn(context)) return; // a refresh, see live.ts
  if (!isComposer(form)) {
    // It may have been done all the same.
    refresh();
    setNotice(messages.offline);
    return;
  }
  setNotice(messages.retrying);
  const sending = sendingOf(form);
  const seconds = fail(sending, Number(response?.headers.get('Retry-After')));
  const { attempt } = sending;
  setTimeout(() => {
    if (sending.attempt === attempt) retry(form);
  }, seconds * 1000);
}

/**
 * Sends the form again, with the same key, unless its text has been saved or given up. Not with a
 * syllable that is being composed: what becomes of it could not be told from a text of its own.
 */
function retry(form: HTMLFormElement): void {
  whenComposed(() => {
    if (!form.isConnected || sendingOf(form).status !== 'retrying') return;
    if (isUnsaved(form)) form.requestSubmit();
    else setNotice();
  });
}

export function start(): void {
  on('htmx:config:request', configure);
  on('htmx:before:request', beforeRequest);
  on('htmx:before:response', beforeResponse);
  // Not before the whole response has come: until then, the same form would be sent again.
  on('htmx:after:request', afterRequest);
  on('htmx:finally:request', afterAll);
  on('htmx:error', (context) => {
    if (context.request) handleFailure(context);
  });
  // As one types, the address is that of the search as it is now; going back leaves it.
  on('htmx:before:history:update', (_, { detail: { history, sourceElement } }) => {
    if (sourceElement.matches('.search') && pageQuery().has('q')) history.type = 'replace';
  });
  // Before htmx sees it.
  document.addEventListener(
    'submit',
    (event) => {
      const form = event.target as HTMLFormElement;
      if (admit(sendingOf(form))) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    { capture: true },
  );
  addEventListener('online', () => composers().forEach(retry));
}
