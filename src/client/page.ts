/** What the modules of the script share: the page's parts, htmx's requests, the notice. */
import htmx from 'htmx.org';
import type { Messages } from '../i18n/ko.ts';
import { createKey } from './draft-store.ts';

const { dataset } = document.body;

/** The script's texts, in the page's language. */
export const messages: Messages['script'] = JSON.parse(dataset.messages!);
/** A pseudonym of the person who is logged in. */
export const person = dataset.person!;
/** Path of the stream of changes. */
export const events = dataset.events!;
/** Names this tab to the server, so that it is not told of its own changes. */
export const tab = createKey();

export const find = (selector: string) => document.querySelector<HTMLElement>(selector);
export const findAll = <E extends HTMLElement>(selector: string) => [
  ...document.querySelectorAll<E>(selector),
];
export const main = () => find('#main')!;
export const cards = () => findAll('#main article');
/** The forms in which a text is written: a new memo's, an edit's, and the one that asks back. */
export const composers = () => findAll<HTMLFormElement>('#main .composer');
export const isComposer = (element: Element): element is HTMLFormElement =>
  element.matches('.composer');
/** The link to edit a card's memo. Cards' controls have no attributes of their own: there are many. */
export const EDIT_LINK = 'article > footer > a';
/** The link to leave an edit. */
export const CANCEL_LINK = '[data-action=cancel]';
export const textOf = (form: HTMLFormElement) =>
  form.elements.namedItem('text') as HTMLTextAreaElement;

/** What the page shows, as its address says. */
export const pageQuery = () => new URLSearchParams(location.search);

/** Changes the address's query without a step in the history. */
export function changeQuery(change: (query: URLSearchParams) => void): void {
  const url = new URL(location.href);
  change(url.searchParams);
  history.replaceState(history.state, '', url);
}

/** A request and its response, as far as the script uses htmx's context of them. */
export interface RequestContext {
  sourceElement: Element;
  request: {
    method: string;
    action: string;
    anchor?: string;
    headers: Record<string, string>;
    body: FormData;
    submitter?: HTMLElement | null;
  };
  response?: { status: number; headers: Headers };
  fetch?: typeof fetch;
}

/** Listens to one of htmx's events. Those that are not about a request have an empty context. */
export function on(
  name: `htmx:${string}`,
  listener: (context: RequestContext, event: CustomEvent) => void,
): void {
  document.addEventListener(name, (event) => {
    const { detail } = event as CustomEvent;
    listener(detail.ctx ?? {}, event as CustomEvent);
  });
}

/** Whether a request is the reader's doing; the script's own have the body as their source. */
export const isOwn = ({ sourceElement }: RequestContext) => sourceElement !== document.body;

/** How often a request is sent that the server has no time for. */
const ATTEMPTS = 5;

/** As `fetch`; a 429 that asks for a second's patience is retried in silence. */
export async function fetchPatiently(
  url: RequestInfo | URL,
  init?: RequestInit,
  attempts = ATTEMPTS,
): Promise<Response> {
  const response = await fetch(url, init);
  const isBusy = response.status === 429 && response.headers.get('Retry-After') === '1';
  if (!isBusy || attempts === 1) return response;
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return fetchPatiently(url, init, attempts - 1);
}

/** Shows something in the page's live region; without arguments, what was there goes. */
export function setNotice(...content: (string | Node)[]): void {
  const notice = document.createElement('div');
  notice.className = 'notice';
  notice.append(...content);
  find('#notice')!.replaceChildren(...(content.length > 0 ? [notice] : []));
  htmx.process(notice);
}
