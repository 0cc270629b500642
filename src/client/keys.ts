/** Keys do what buttons and links do; and buttons that only a script can do. */
import { isOfInputMethod } from './composition.ts';
import { currentCard, step } from './focus.ts';
import { fetchPatiently, find, messages, say } from './page.ts';

const press = (selector: string, inside: ParentNode | null | undefined = document) =>
  inside?.querySelector<HTMLElement>(selector)?.click();
const pressOnCard = (control: string) => () => press(control, currentCard() ?? null);
/** What a card's controls are, by what they do. */
const COPY = 'article > footer > button:not([form])';
const EDIT = 'article > footer > a';
const PIN = 'article > footer > [formaction$="/pin"]';
const DELETE = 'article > footer > [formaction$="/delete"]';

const KEYS: Record<string, () => void> = {
  '/': () => find('.search input')?.focus(),
  n: () => find('#new textarea')?.focus(),
  j: () => step(1),
  k: () => step(-1),
  e: pressOnCard(EDIT),
  p: pressOnCard(PIN),
  x: pressOnCard(DELETE),
  c: pressOnCard(COPY),
  u: () => press('#notice [data-key=u]'),
  '?': () => (find('#keys') as HTMLDialogElement | null)?.showModal(),
  Escape: () => say(),
};

const isField = (node: EventTarget | null): node is HTMLInputElement | HTMLTextAreaElement =>
  node instanceof HTMLTextAreaElement || node instanceof HTMLInputElement;

document.addEventListener('keydown', (event) => {
  const { target, key, ctrlKey, metaKey, altKey } = event;
  if (event.defaultPrevented) return;
  if (isField(target)) {
    if (isOfInputMethod(event)) return;
    if (key === 'Enter' && (ctrlKey || metaKey)) target.form?.requestSubmit();
    else if (key === 'Escape' && target instanceof HTMLTextAreaElement) leave(target);
    else return;
    event.preventDefault();
    return;
  }
  const act = KEYS[key] ?? KEYS[latinOf(event)];
  if (ctrlKey || metaKey || altKey || find('dialog[open]') || !act) return;
  event.preventDefault();
  act();
});

/** The letter on the key, when the keyboard is set to Korean: `ㅜ` is where `n` is. */
function latinOf({ key, code }: KeyboardEvent): string {
  const letter = /^Key([A-Z])$/.exec(code)?.[1]?.toLowerCase();
  return letter && !/^[a-z]$/i.test(key) ? letter : '';
}

/** Esc leaves an edit, or the field. */
function leave(area: HTMLTextAreaElement): void {
  const cancel = area.form?.querySelector<HTMLElement>('[data-key=cancel]');
  if (cancel) cancel.click();
  else area.blur();
}

document.addEventListener('click', ({ target }) => {
  const button = (target as Element).closest<HTMLButtonElement>('button');
  if (button?.matches(COPY)) copy(button.closest('article')!.id.slice(1));
  else if (button?.dataset.key === '?') KEYS['?']!();
  else if (button?.dataset.key === 'close') say();
});

/** Copies a memo's text as it was written. */
async function copy(id: string): Promise<void> {
  const path = document.body.dataset.events!.replace('events', id);
  const text = fetchPatiently(path, { headers: { Accept: 'application/json' } })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)))
    .then((memo) => new Blob([memo.text], { type: 'text/plain' }));
  try {
    // A promise, so that it still counts as the click's doing (Safari).
    await navigator.clipboard.write([new ClipboardItem({ 'text/plain': text })]);
    say(messages.copied);
  } catch {
    say(messages.notCopied);
  }
}
