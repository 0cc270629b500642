/**
 * A change's answer is the memo's card: it is put where it belongs. It comes as `<hx-card>`, which
 * names the memo and its list; an empty one takes the card away. The server is told which lists the
 * page has, as without the right one it answers with the whole page.
 */
import { refresh } from './live.ts';
import { main, on } from './page.ts';

const lists = () => [...main().querySelectorAll<HTMLElement>('ul[data-list]')];
const itemOf = (part: Element | null) => part?.closest('li') ?? undefined;

on('htmx:config:request', ({ sourceElement, request }) => {
  if (request.method !== 'POST') return;
  const place = request.submitter ?? sourceElement;
  const item = itemOf(place);
  // What is edited apart from the lists goes when it is saved; a list goes with its last card.
  const isApart = !item && place.closest('section');
  const isAlone = item?.parentElement?.childElementCount === 1;
  if (isApart || isAlone) return;
  request.headers['Memo-Lists'] = lists()
    .map(({ dataset }) => dataset.list)
    .join(' ');
});

/** What htmx does with a part of an answer. */
interface Task {
  type: 'partial';
  fragment: DocumentFragment;
  target: Element;
  swapSpec: { style: 'outerMorph' | 'beforebegin' | 'beforeend' | 'delete' };
  sourceElement: Element;
}

/** Extends htmx, which calls it with each `<hx-card>` of an answer. */
export function placeCard(
  part: HTMLTemplateElement,
  { ctx, tasks }: { ctx: { sourceElement: Element }; tasks: Task[] },
): void {
  const { content: fragment, dataset } = part;
  const add = (style: Task['swapSpec']['style'], target: Element | undefined) => {
    const { sourceElement } = ctx;
    if (target)
      tasks.push({ type: 'partial', fragment, target, swapSpec: { style }, sourceElement });
  };
  const id = Number(dataset.memo);
  const list = lists().find((it) => it.dataset.list === dataset.list);
  const item = itemOf(document.querySelector(`#m${id}`));
  if (item && fragment.childElementCount > 0 && item.parentElement === list) {
    add('outerMorph', item);
    return;
  }
  add('delete', item);
  // The last of several that left at once: what the page is without the list, the server says.
  if (item?.parentElement?.childElementCount === 1) setTimeout(refresh);
  if (!list || fragment.childElementCount === 0) return;
  // Before the first that is older. Where only the link to older ones is left, it is behind that.
  const next = [...list.children].find((it) => {
    const card = it.querySelector('article');
    return card && Number(card.id.slice(1)) < id;
  });
  if (next) add('beforebegin', next);
  else if (!list.querySelector('.older')) add('beforeend', list);
}
