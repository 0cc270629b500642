/**
 * The response to a change is the memo's card, as `<hx-card>` with the memo's id and its list; an
 * empty one takes the card away. The server is told which lists the page has: without the right
 * one, it responds with the whole page.
 */
import { refresh } from './live.ts';
import { changeQuery, find, findAll, on, pageQuery } from './page.ts';

/** What htmx does with a part of a response. */
interface Task {
  fragment: DocumentFragment;
  target: Element;
  swapSpec: { style: 'outerMorph' | 'beforebegin' | 'beforeend' | 'delete' };
  sourceElement: Element;
}

const lists = () => findAll('ul[data-list]');
/** Whether the list goes with the item. */
const isAlone = (item: Element | undefined) => item?.parentElement?.childElementCount === 1;
const itemOf = (part: Element | null) => part?.closest('li') ?? undefined;

/** Extends htmx, which calls it with each `<hx-card>` of a response. */
export function placeCard(
  part: HTMLTemplateElement,
  { ctx, tasks }: { ctx: { sourceElement: Element }; tasks: Task[] },
): void {
  const { content: fragment, dataset } = part;
  const add = (style: Task['swapSpec']['style'], target: Element | undefined) => {
    const { sourceElement } = ctx;
    if (target) tasks.push({ fragment, target, swapSpec: { style }, sourceElement });
  };
  const id = Number(dataset.memo);
  const list = lists().find((it) => it.dataset.list === dataset.list);
  const item = itemOf(find(`#m${id}`));
  const hasCard = fragment.childElementCount > 0;
  // It has been saved.
  if (pageQuery().get('edit') === dataset.memo) changeQuery((query) => query.delete('edit'));
  if (hasCard && !list) {
    // The page has become another since the request.
    refresh();
    return;
  }
  if (item && hasCard && item.parentElement === list) {
    add('outerMorph', item);
    return;
  }
  add('delete', item);
  // The last of several that left at once: only the server knows the page without the list.
  if (isAlone(item)) refresh();
  if (!list || !hasCard) return;
  const next = [...list.children].find((it) => startOf(it) <= id);
  if (next) add('beforebegin', next);
  // Below the link to older memos, the card comes with them.
  else if (!list.querySelector('.older')) add('beforeend', list);
}

/** The id of an item's memo; of the link to older memos, the cursor: their ids are all below it. */
function startOf(item: Element): number {
  const link = item.matches('.older') && item.querySelector('a');
  return Number(
    link ? new URL(link.href).searchParams.get('before') : item.firstElementChild!.id.slice(1),
  );
}

export function start(): void {
  on('htmx:config:request', ({ sourceElement, request }) => {
    if (request.method !== 'POST') return;
    const place = request.submitter ?? sourceElement;
    const item = itemOf(place);
    // An editor apart from the lists goes when it is saved.
    const isApart = !item && place.closest('section');
    if (isApart || isAlone(item)) return;
    request.headers['Memo-Lists'] = lists()
      .map(({ dataset }) => dataset.list)
      .join(' ');
  });
}
