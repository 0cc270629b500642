/**
 * Drafts in the page's forms: a text is kept at each pause and on leaving, until it is saved, given
 * up, or its writer logs out. See draft-store.ts for where.
 */
import { whenComposed } from './composition.ts';
import { createDraftStore, createKey, EDIT, NEW } from './draft-store.ts';
import {
  CANCEL_LINK,
  composers,
  EDIT_LINK,
  find,
  findAll,
  messages,
  on,
  person,
  setNotice,
  textOf,
} from './page.ts';

const PAUSE = 250; // ms
/** What logs this browser out: alone, or with all other sessions of its person. */
const LOGOUT = /\/(?:logout|sessions\/end)$/;

const store = createDraftStore(findStorage(), person);
/** Forms whose text is saved or given up, until somebody types in them again. */
const done = new WeakSet<HTMLFormElement>();
/** The place of a draft whose text is coming back in another form. */
let superseded: string | undefined;

/** Where cookies are blocked, even asking for it throws. */
function findStorage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}

const field = (form: HTMLFormElement, name: string) =>
  form.elements.namedItem(name) as HTMLInputElement | null;
function placeOf(form: HTMLFormElement): string {
  const key = field(form, 'key');
  return key ? NEW + key.value : EDIT + form.getAttribute('action')!.split('/').at(-1);
}

/** Whether the form holds a text that would be lost. */
export function isUnsaved(form: HTMLFormElement): boolean {
  const { value, defaultValue } = textOf(form);
  if (value.trim() === '' || done.has(form)) return false;
  return form.dataset.unsaved !== undefined || value !== defaultValue;
}

export function keepDraft(form: HTMLFormElement): void {
  const text = isUnsaved(form) ? textOf(form).value : '';
  store.keep(form, placeOf(form), text, field(form, 'version')?.value);
}
/** Whether the form holds a text that the browser does not keep. */
const isLost = (form: HTMLFormElement) =>
  isUnsaved(form) && store.read(placeOf(form))?.text !== textOf(form).value;
const keepAll = () => composers().forEach(keepDraft);

/**
 * The form's text is saved or given up. The form for new memos begins another one, with another key.
 * @param rest what has been typed of that one
 */
export function forgetDraft(form: HTMLFormElement, rest = ''): void {
  store.forget(form, placeOf(form));
  if (form.id !== 'new') {
    done.add(form);
    return;
  }
  textOf(form).value = rest;
  beginAnother(form);
}

/** The form's text is coming back in another form, which asks what shall become of it. */
export function supersedeDraft(form: HTMLFormElement): void {
  superseded = placeOf(form);
}

/** See `orphan` of the store. */
export const { orphan } = store;

function beginAnother(form: HTMLFormElement): void {
  field(form, 'key')!.value = createKey();
  keepDraft(form);
  grow(form);
}

/** Puts what was kept into the forms that are on the page now. */
function restoreDrafts(): void {
  for (const form of composers()) {
    // A form that asks back has its text already.
    const place = form.id === 'new' ? store.own() : placeOf(form);
    if (!place || form.id === 'draft') continue;
    const area = textOf(form);
    const draft = store.restore(form, place, area.value, area.defaultValue);
    if (!draft) continue;
    area.value = draft.text;
    // The same key or version as when it was typed: a memo that was saved after all is not doubled,
    // and an edit of an old text is still one.
    if (form.id === 'new') field(form, 'key')!.value = place.slice(NEW.length);
    else if (draft.version) field(form, 'version')!.value = draft.version;
    grow(form);
  }
  const asking = find('#draft') as HTMLFormElement | null;
  if (asking) {
    keepDraft(asking);
    if (superseded && superseded !== placeOf(asking)) store.remove(superseded);
  }
  superseded = undefined;
  for (const link of findAll(EDIT_LINK)) {
    if (store.read(EDIT + link.closest('article')!.id.slice(1))) link.textContent = messages.resume;
  }
}

/** Where the browser cannot do it by itself, a field grows with its text. */
function grow(form: HTMLFormElement): void {
  if (CSS.supports('field-sizing', 'content')) return;
  const { style, scrollHeight } = textOf(form);
  style.height = 'auto';
  style.height = `${scrollHeight}px`;
}

/** Giving up an edit is asked about when that loses a text. */
function confirmCancel(event: MouseEvent): void {
  const form = (event.target as Element).closest(CANCEL_LINK)?.closest('form');
  if (!form) return;
  if (isUnsaved(form) && !confirm(messages.discard)) {
    event.preventDefault();
    event.stopImmediatePropagation();
  } else {
    forgetDraft(form);
  }
}

/** So is logging out. */
function confirmLogout(event: SubmitEvent): void {
  if (!LOGOUT.test((event.target as HTMLFormElement).action)) return;
  keepAll();
  const drafts = store.places();
  const isAsked = drafts.length > 0 || composers().some(isUnsaved);
  if (isAsked && !confirm(messages.discardAll)) {
    event.preventDefault();
    return;
  }
  drafts.forEach(store.remove);
  for (const form of composers()) forgetDraft(form);
}

/** Logging in in the middle leads back to the same view. */
function returnAfterLogin(): void {
  const name = `memo:${person}:back`;
  document.addEventListener('click', ({ target }) => {
    if ((target as Element).closest('.naver')) sessionStorage.setItem(name, location.href);
  });
  const back = sessionStorage.getItem(name);
  sessionStorage.removeItem(name);
  if (back && back !== location.href) location.replace(back);
}

export function start(): void {
  let pause: ReturnType<typeof setTimeout>;
  document.addEventListener('input', ({ target }) => {
    const form = (target as Element).closest<HTMLFormElement>('.composer');
    if (!form) return;
    done.delete(form);
    grow(form);
    clearTimeout(pause);
    pause = setTimeout(keepAll, PAUSE);
  });
  addEventListener('pagehide', keepAll);
  document.addEventListener('visibilitychange', keepAll);
  addEventListener('beforeunload', (event) => {
    keepAll();
    if (composers().some(isLost)) event.preventDefault();
  });
  on('htmx:before:swap', keepAll);
  on('htmx:after:swap', restoreDrafts);
  addEventListener('storage', (event) => {
    whenComposed(() => {
      const form = find('#new') as HTMLFormElement | null;
      const change = form && store.follow(form, textOf(form).value, event);
      if (!change) return;
      textOf(form).value = change.text;
      if (change.isGone) beginAnother(form);
    });
  });
  document.addEventListener('click', confirmCancel, { capture: true });
  document.addEventListener('submit', confirmLogout);
  returnAfterLogin();

  restoreDrafts();
  keepAll();
  const id = store.places(EDIT)[0]?.slice(EDIT.length);
  if (id && !find(`#edit-${id}`)) {
    const link = document.createElement('a');
    setNotice(
      messages.unfinished,
      Object.assign(link, {
        className: 'quiet',
        href: `?edit=${id}`,
        textContent: messages.resume,
      }),
    );
  }
}
