/**
 * A change's answer is the memo's card: it is put where it belongs. It comes as `<hx-card>`, which
 * names the memo and its list; an empty one takes the card away. The server is told which lists the
 * page has, as without the right one it answers with the whole page.
 */
import { refresh } from './live.ts';
import { changeView, doubt, main, on, view } from './page.ts';

const lists = () => [...main().querySelectorAll<HTMLElement>('ul[data-list]')];
const itemOf = (part: Element | null) => part?.closest('li') ?? undefined;

on('htmx:config:request', ({ sourceElement, request }) => {
  if (request.method !== 'POST') return;
  const isDoubtful = doubt.isStale;
  doubt.isStale = false;
  const place = request.submitter ?? sourceElement;
  const item = itemOf(place);
  // What is edited apart from the lists goes when it is saved; a list goes with its last card.
  const isApart = !item && place.closest('section');
  const isAlone = item?.parentElement?.childElementCount === 1;
  if (isApart || isAlone || isDoubtful) return;
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
  const hasCard = fragment.childElementCount > 0;
  // It has been saved.
  if (view().get('edit') === dataset.memo) changeView((query) => query.delete('edit'));
  if (hasCard && !list) {
    // The page has become another since it was asked for.
    setTimeout(refresh);
    return;
  }
  if (item && hasCard && item.parentElement === list) {
    add('outerMorph', item);
    return;
  }
  add('delete', item);
  // The last of several that left at once: what the page is without the list, the server says.
  if (item?.parentElement?.childElementCount === 1) setTimeout(refresh);
  if (!list || !hasCard) return;
  // Before the first that is older. What the link to older ones leads to comes with them.
  const next = [...list.children].find((it) => {
    const card = it.querySelector('article');
    return card && Number(card.id.slice(1)) < id;
  });
  const older = list.querySelector('.older');
  if (next) add('beforebegin', next);
  else if (!older) add('beforeend', list);
  else if (id >= firstOf(older)) add('beforebegin', older);
}

/** The cursor of a link to older ones: what it leads to is below. */
const firstOf = (older: Element) =>
  Number(new URL(older.querySelector('a')!.href).searchParams.get('before'));
