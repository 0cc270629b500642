/** Shortcuts, which do what buttons and links do, and the buttons that only the script can serve. */
import { isOfInputMethod } from './composition.ts';
import { currentCard, moveFocus } from './focus.ts';
import {
  CANCEL_LINK,
  EDIT_LINK,
  events,
  fetchPatiently,
  find,
  messages,
  setNotice,
} from './page.ts';

const COPY = 'article > footer > button:not([form])';
const PIN = 'article > footer > [formaction$="/pin"]';
const DELETE = 'article > footer > [formaction$="/delete"]';
const UNDO = '#notice [data-action=undo]';

const press = (control: string, within?: ParentNode | null) =>
  within?.querySelector<HTMLElement>(control)?.click();
const pressOnCard = (control: string) => () => press(control, currentCard());
const showKeys = () => (find('#keys') as HTMLDialogElement).showModal();
const closeNotice = () => setNotice();

const SHORTCUTS: Record<string, () => void> = {
  '/': () => find('.search input')?.focus(),
  n: () => find('#new textarea')?.focus(),
  j: () => moveFocus(1),
  k: () => moveFocus(-1),
  e: pressOnCard(EDIT_LINK),
  p: pressOnCard(PIN),
  x: pressOnCard(DELETE),
  c: pressOnCard(COPY),
  u: () => press(UNDO, document),
  '?': showKeys,
  Escape: closeNotice,
};

/** Buttons that need the script, by their `data-action`. */
const ACTIONS: Record<string, () => void> = { keys: showKeys, close: closeNotice };

function handleKey(event: KeyboardEvent): void {
  const { key, ctrlKey, metaKey, altKey } = event;
  const target = event.target as HTMLTextAreaElement;
  if (event.defaultPrevented) return;
  if (target.matches('textarea, input')) {
    if (isOfInputMethod(event)) return;
    if (key === 'Enter' && (ctrlKey || metaKey)) target.form?.requestSubmit();
    else if (key === 'Escape' && target.matches('textarea')) leave(target);
    else return;
    event.preventDefault();
    return;
  }
  const act = SHORTCUTS[key] ?? SHORTCUTS[latinOf(event)];
  if (ctrlKey || metaKey || altKey || find('dialog[open]') || !act) return;
  event.preventDefault();
  act();
}

/** The letter on the key, when the keyboard is set to Korean: `ㅜ` is where `n` is. */
const latinOf = ({ key, code }: KeyboardEvent) =>
  /^[a-z]$/i.test(key) ? '' : code.replace('Key', '').toLowerCase();

/** Esc leaves an edit, or the field. */
function leave(area: HTMLTextAreaElement): void {
  const cancel = area.form?.querySelector<HTMLElement>(CANCEL_LINK);
  if (cancel) cancel.click();
  else area.blur();
}

function handleClick({ target }: MouseEvent): void {
  const button = (target as Element).closest<HTMLButtonElement>('button');
  if (button?.matches(COPY)) copy(button.closest('article')!.id.slice(1));
  else ACTIONS[button?.dataset.action ?? '']?.();
}

/** Copies a memo's text as it was written. */
async function copy(id: string): Promise<void> {
  const path = events.replace('events', id);
  const text = fetchPatiently(path)
    .then((response) => (response.ok ? response.json() : Promise.reject(response.status)))
    .then((memo) => new Blob([memo.text], { type: 'text/plain' }));
  try {
    // A promise, so that it still counts as the click's doing (Safari).
    await navigator.clipboard.write([new ClipboardItem({ 'text/plain': text })]);
    setNotice(messages.copied);
  } catch {
    setNotice(messages.notCopied);
  }
}

export function start(): void {
  document.addEventListener('keydown', handleKey);
  document.addEventListener('click', handleClick);
}
