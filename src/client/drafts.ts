/**
 * Nothing that is typed gets lost: it is kept in this browser at each pause and on leaving, until it
 * is saved, given up, or its writer logs out. Drafts belong to a person: somebody else at the same
 * browser does not see them.
 *
 * localStorage: `memo:<person>:new:<key>` for each new memo, by its idempotency key, so that two
 * tabs do not overwrite each other's and a memo that was saved after all is not doubled;
 * `memo:<person>:edit:<id>` with the version that the edit is based on.
 */
import { isComposing, whenComposed } from './composition.ts';
import { composers, find, isComposer, main, messages, on, person, say, textOf } from './page.ts';

interface Draft {
  text: string;
  /** of an edit */
  version?: string | undefined;
  /** when it was kept, in ms */
  at: number;
}

const PREFIX = `memo:${person}:`;
const PAUSE = 250; // ms
/** What logs this browser out: alone, or with all others of its person's. */
const LOGOUT = /\/(?:logout|sessions\/end)$/;

const isOfNewMemo = (form: HTMLFormElement) => form.elements.namedItem('key') !== null;
const field = (form: HTMLFormElement, name: string) =>
  form.elements.namedItem(name) as HTMLInputElement | null;
const idOf = (form: HTMLFormElement) => form.getAttribute('action')!.split('/').at(-1);
const nameOf = (form: HTMLFormElement) =>
  PREFIX + (isOfNewMemo(form) ? `new:${field(form, 'key')!.value}` : `edit:${idOf(form)}`);

/** Where the text that is in the new memo's form of this tab is kept. */
let mine: string | undefined;
/** What this tab has kept of a form: only what it has changed is for it to write. */
const kept = new WeakMap<HTMLFormElement, string>();
/** Whether the browser keeps drafts; where it does not, leaving asks. */
let works = true;

function read(name: string): Draft | undefined {
  try {
    const { text, version, at } = JSON.parse(localStorage.getItem(name) ?? '');
    return typeof text === 'string' ? { text, version, at } : undefined;
  } catch {
    return undefined;
  }
}

function names(): string[] {
  try {
    return Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
  } catch {
    return [];
  }
}

function drop(name: string): void {
  try {
    localStorage.removeItem(name);
  } catch {
    // Then nothing was kept either.
  }
}

/** Whether the form holds a text that would be lost. */
export function isUnsaved(form: HTMLFormElement): boolean {
  const { value, defaultValue } = textOf(form);
  if (value.trim() === '' || form.dataset.done !== undefined) return false;
  return form.dataset.unsaved !== undefined || value !== defaultValue;
}

export function keep(form: HTMLFormElement): void {
  const text = isUnsaved(form) ? textOf(form).value : '';
  if ((kept.get(form) ?? '') === text) return;
  try {
    if (text) {
      if (!kept.has(form) && read(nameOf(form))?.text !== text) {
        const aside = setAside(nameOf(form));
        mine ??= aside;
      }
      if (form.id === 'new') mine = nameOf(form);
      const draft: Draft = {
        text,
        version: field(form, 'version')?.value,
        at: Date.now(),
      };
      localStorage.setItem(nameOf(form), JSON.stringify(draft));
    } else {
      localStorage.removeItem(nameOf(form));
    }
    kept.set(form, text);
    works = true;
  } catch {
    works = false;
  }
}
export const keepAll = () => composers().forEach(keep);

/**
 * Makes what is kept the draft of another new memo, so that its place is free.
 * @returns where it is now; undefined when there was none
 */
function setAside(name: string): string | undefined {
  const draft = read(name);
  if (!draft) return undefined;
  const aside = `${PREFIX}new:${crypto.getRandomValues(new Uint32Array(4)).join('')}`;
  localStorage.setItem(aside, JSON.stringify({ text: draft.text, at: Date.now() }));
  localStorage.removeItem(name);
  return aside;
}

/** The form's text is saved or given up. A new memo's form begins another one, with another key. */
export function forget(form: HTMLFormElement, rest = ''): void {
  drop(nameOf(form));
  kept.delete(form);
  if (form.id !== 'new') {
    form.dataset.done = '';
    return;
  }
  textOf(form).value = rest;
  beginAnother(form);
}

/** The form's text comes back in another form, which asks what shall become of it. */
export function supersede(form: HTMLFormElement): void {
  superseded = nameOf(form);
}
let superseded: string | undefined;

function beginAnother(form: HTMLFormElement): void {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  field(form, 'key')!.value = Array.from(bytes, (byte) => byte.toString(16)).join('');
  keep(form);
  grow(form);
}

/** Puts what was kept into the forms that are on the page now. */
function restore(): void {
  for (const form of composers()) {
    const area = textOf(form);
    const name = form.id === 'new' ? mine : nameOf(form);
    const draft = name ? read(name) : undefined;
    // A form that asks back has its text already; what the browser itself brought back is this draft.
    const isUntouched = area.value === area.defaultValue || area.value === draft?.text;
    if (!name || !draft || form.id === 'draft' || !isUntouched) continue;
    if (draft.text === area.defaultValue) {
      drop(name);
      continue;
    }
    area.value = draft.text;
    kept.set(form, draft.text);
    // The same key or version as when it was typed: a memo that was saved after all is not doubled,
    // and an edit of an old text is still one.
    if (form.id === 'new') field(form, 'key')!.value = name.slice(`${PREFIX}new:`.length);
    else if (draft.version) field(form, 'version')!.value = draft.version;
    grow(form);
  }
  const asking = find('#draft') as HTMLFormElement | null;
  if (asking) {
    keep(asking);
    if (superseded && superseded !== nameOf(asking)) drop(superseded);
    if (isOfNewMemo(asking)) mine = nameOf(asking);
  }
  superseded = undefined;
  for (const link of main().querySelectorAll<HTMLElement>('article > footer > a')) {
    const id = link.closest('article')!.id.slice(1);
    if (read(`${PREFIX}edit:${id}`)) link.textContent = messages.resume;
  }
}

/** Where the browser cannot do it by itself, a field grows with its text. */
function grow(form: HTMLFormElement): void {
  if (CSS.supports('field-sizing', 'content')) return;
  const { style, scrollHeight } = textOf(form);
  style.height = 'auto';
  style.height = `${scrollHeight}px`;
}

let pause: ReturnType<typeof setTimeout>;
document.addEventListener('input', ({ target }) => {
  const form = target instanceof HTMLTextAreaElement && target.form;
  if (!form || !isComposer(form)) return;
  delete form.dataset.done;
  grow(form);
  clearTimeout(pause);
  pause = setTimeout(keepAll, PAUSE);
});
addEventListener('pagehide', keepAll);
document.addEventListener('visibilitychange', keepAll);
addEventListener('beforeunload', (event) => {
  if (!works && composers().some(isUnsaved)) event.preventDefault();
});
on('htmx:before:swap', keepAll);
on('htmx:after:swap', restore);

// Another tab has typed on, saved, or given up the text that this one shows, too.
addEventListener('storage', ({ key, oldValue, newValue }) => {
  const form = find('#new') as HTMLFormElement | null;
  if (!form || key === null || key !== mine) return;
  whenComposed(() => {
    const area = textOf(form);
    const isSame = area.value === (JSON.parse(oldValue ?? '{}') as Draft).text;
    if (isSame) area.value = newValue === null ? '' : (JSON.parse(newValue) as Draft).text;
    if (newValue === null) beginAnother(form);
    else if (isSame) kept.set(form, area.value);
  });
});

// Giving up an edit is asked about when it loses a text; so is logging out.
document.addEventListener(
  'click',
  (event) => {
    const cancel = (event.target as Element).closest('[data-key=cancel]');
    const form = cancel?.closest('form');
    if (!form) return;
    if (isUnsaved(form) && !confirm(messages.discard)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    } else {
      forget(form);
    }
  },
  { capture: true },
);
document.addEventListener('submit', (event) => {
  const { target } = event;
  if (!(target instanceof HTMLFormElement) || !LOGOUT.test(target.action)) return;
  keepAll();
  const drafts = names();
  const isLost = drafts.length > 0 || composers().some(isUnsaved);
  if (isLost && !confirm(messages.discardAll)) {
    event.preventDefault();
    return;
  }
  for (const name of drafts) drop(name);
  for (const form of composers()) forget(form);
});

/** A memo that was deleted cannot be edited any more: its draft becomes that of a new memo. */
export function orphan(id: string): boolean {
  const aside = setAside(`${PREFIX}edit:${id}`);
  if (aside) mine = aside;
  return aside !== undefined;
}

// Whoever has to log in on the way comes back to where they were.
const BACK = `memo:${person}:back`;
document.addEventListener('click', ({ target }) => {
  if ((target as Element).closest('.naver')) sessionStorage.setItem(BACK, location.href);
});
const back = sessionStorage.getItem(BACK);
sessionStorage.removeItem(BACK);
if (back && back !== location.href) location.replace(back);

mine = names()
  .filter((name) => name.startsWith(`${PREFIX}new:`))
  .sort((a, b) => (read(b)?.at ?? 0) - (read(a)?.at ?? 0))[0];
// Not into a field in which somebody has begun to compose before the script came.
if (!isComposing()) restore();
keepAll();
const [unfinished] = names().filter((name) => name.startsWith(`${PREFIX}edit:`));
const id = unfinished?.split(':').at(-1);
if (id && !find(`#edit-${id}`)) {
  say(messages.unfinished, { href: `?edit=${id}`, label: messages.resume });
}
