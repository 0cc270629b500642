/**
 * Drafts: what was typed and not saved yet, kept in the browser. No DOM: the storage is passed in.
 *
 * An item of the storage is `memo:<person>:<place>`. Drafts belong to a person: somebody else at the same
 * browser does not see them. A place is `new:<key>` for each new memo, by its idempotency key, so that
 * two tabs do not overwrite each other's draft and a memo that was saved after all is not doubled; or
 * `edit:<id>`, with the version that the edit is based on.
 */
export interface Draft {
  text: string;
  /** of an edit */
  version?: string;
  /** when it was kept, in ms */
  at: number;
}

/**
 * What is used of `Storage` (HTML, Web storage); its keys are its items' names. `setItem` throws when
 * it is full.
 */
export type DraftStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

export const NEW = 'new:';
export const EDIT = 'edit:';

/** A random key of 128 bits. Not `crypto.randomUUID`: browsers have it on https only. */
export const createKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');

function parse(item: string | null): Draft | undefined {
  try {
    const draft = JSON.parse(item!);
    return typeof draft.text === 'string' ? draft : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The drafts of one person, as one tab sees them.
 * @param storage undefined: the browser keeps nothing
 */
export function createDraftStore(storage: DraftStorage | undefined, person: string) {
  const prefix = `memo:${person}:`;
  /** The text that this tab has kept of each form: only what the tab has changed is for it to write. */
  const kept = new WeakMap<object, string>();

  const read = (place: string) => parse(storage?.getItem(prefix + place) ?? null);
  const remove = (place: string) => storage?.removeItem(prefix + place);
  /** Where drafts are kept. @param kind only of new memos, or of edits */
  const places = (kind = '') =>
    Object.keys(storage ?? {})
      .filter((name) => name.startsWith(prefix + kind))
      .map((name) => name.slice(prefix.length));

  function write(place: string, text: string, version?: string): void {
    const draft: Draft = { text, version, at: Date.now() };
    storage?.setItem(prefix + place, JSON.stringify(draft));
  }

  /**
   * Makes a draft that of another new memo, so that its place is free.
   * @returns its new place; undefined when there is no draft
   */
  function setAside(place: string): string | undefined {
    const draft = read(place);
    if (!draft) return undefined;
    const aside = NEW + createKey();
    write(aside, draft.text);
    remove(place);
    return aside;
  }

  /** Where this tab's new memo is kept: at first, the draft that was typed last. */
  let [own] = places(NEW).sort((a, b) => (read(b)?.at ?? 0) - (read(a)?.at ?? 0));

  return {
    read,
    remove,
    places,
    /** Where this tab's new memo is kept; undefined: nowhere yet. */
    own: () => own,

    /**
     * Keeps what a form holds, if the browser does.
     * @param text empty: the form holds nothing that would be lost
     * @param version of an edit
     */
    keep(form: object, place: string, text: string, version?: string): void {
      if ((kept.get(form) ?? '') === text) return;
      try {
        if (text) {
          // Typed before an earlier draft could be restored: both stay.
          if (!kept.has(form) && read(place)?.text !== text) {
            const aside = setAside(place);
            own ??= aside;
          }
          if (place.startsWith(NEW)) own = place;
          write(place, text, version);
        } else {
          remove(place);
        }
        kept.set(form, text);
      } catch {
        // It is full. What it holds stays, and leaving asks.
      }
    },

    /** The form's text is saved or given up. */
    forget(form: object, place: string): void {
      remove(place);
      kept.delete(form);
    },

    /**
     * The draft to show in a form. A text that was typed in the meantime is not replaced.
     * @param value what the form shows
     * @param defaultValue what it came with
     */
    restore(form: object, place: string, value: string, defaultValue: string): Draft | undefined {
      const draft = read(place);
      // What the browser itself has brought back is this draft.
      if (!draft || (value !== defaultValue && value !== draft.text)) return undefined;
      if (draft.text === defaultValue) {
        remove(place);
        return undefined;
      }
      kept.set(form, draft.text);
      return draft;
    },

    /**
     * Another tab has typed on, saved, or given up the draft that this tab's form shows, too.
     * @param name of the item of the storage
     * @returns what the form has to show; undefined when the change does not concern it
     */
    follow(
      form: object,
      value: string,
      { key, oldValue, newValue }: Pick<StorageEvent, 'key' | 'oldValue' | 'newValue'>,
    ): { text: string; isGone: boolean } | undefined {
      if (!own || key !== prefix + own) return undefined;
      const isGone = newValue === null;
      // Typed on in both tabs: each keeps its own.
      if (value !== parse(oldValue)?.text) return { text: value, isGone };
      const text = isGone ? '' : (parse(newValue)?.text ?? value);
      kept.set(form, text);
      return { text, isGone };
    },

    /**
     * A memo that was deleted cannot be edited any more: its draft becomes that of a new memo.
     * @returns whether there is such a draft
     */
    orphan(id: string): boolean {
      const aside = setAside(EDIT + id);
      own = aside ?? own;
      return aside !== undefined;
    },
  };
}
