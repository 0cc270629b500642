/** What the parts of the script know about the page. */
import htmx from 'htmx.org';
import type { Messages } from '../i18n/ko.ts';

const { dataset } = document.body;

/** What the script says, in the page's language. */
export const messages: Messages['script'] = JSON.parse(dataset.messages ?? '{}');
/** A pseudonym of whoever is logged in. */
export const person = dataset.person ?? '';

export const find = (selector: string) => document.querySelector<HTMLElement>(selector);
export const main = () => find('#main')!;
export const cards = () => [...document.querySelectorAll<HTMLElement>('#main article')];
/** The forms in which a text is written: a new memo's, an edit's, and the one that asks back. */
export const composers = () => [
  ...document.querySelectorAll<HTMLFormElement>('#main form.composer'),
];
export const textOf = (form: HTMLFormElement) =>
  form.elements.namedItem('text') as HTMLTextAreaElement;
export const isComposer = (element: Element): element is HTMLFormElement =>
  element.matches('form.composer');

/** Whether a request is the reader's doing, not the script's own. */
export const isOwn = ({ sourceElement }: Request) => sourceElement !== document.body;

/** Whether something may have been done that the page does not show: then the next answer is all of it. */
export const doubt = { isStale: false };

/** What the page shows, as its address says. */
export const view = () => new URL(location.href).searchParams;

/** Changes what the address says of the page, without a step in the history. */
export function changeView(change: (query: URLSearchParams) => void): void {
  const url = new URL(location.href);
  change(url.searchParams);
  history.replaceState(history.state, '', url);
}

/** The parts of htmx's request that the script looks at. */
export interface Request {
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

/** How often a request is sent again that the server has no time for. */
const ATTEMPTS = 5;

/** As `fetch`, but waits in silence, as the answer says, while the server has too much to do (429). */
export const fetchPatiently: typeof fetch = async (input, init) => {
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(input, init);
    const seconds = Number(answer.headers.get('Retry-After'));
    if (answer.status !== 429 || seconds !== 1 || attempt === ATTEMPTS) return answer;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
};

/** Listens to one of htmx's events about a request. */
export function on(
  name: `htmx:${string}`,
  listener: (request: Request, event: CustomEvent) => void,
): void {
  document.addEventListener(name, (event) => {
    const { detail } = event as CustomEvent;
    listener(detail.ctx ?? {}, event as CustomEvent);
  });
}

/** Says something in the page's live region; without a text, what was said goes. */
export function say(text?: string, link?: { href: string; label: string }): void {
  const notice = document.createElement('div');
  notice.className = 'notice';
  notice.append(text ?? '');
  if (link) {
    const anchor = document.createElement('a');
    anchor.className = 'quiet';
    anchor.href = link.href;
    anchor.textContent = link.label;
    notice.append(anchor);
  }
  find('#notice')?.replaceChildren(...(text ? [notice] : []));
  htmx.process(notice);
}
