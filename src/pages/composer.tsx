import type { Look, Site } from '../http/env.ts';
import { type Memo, versionOf } from '../memo/stored-memo.ts';
import { href } from './layout.tsx';
import { pageHref, type View, ViewFields } from './list-query.tsx';

/** A memo's field, with its label. */
export function TextArea({
  label,
  text,
  ...attributes
}: {
  label: string;
  text: string;
  placeholder?: string;
  autofocus?: boolean;
}) {
  return (
    <label class="field">
      <span>{label}</span>
      <textarea name="text" rows={4} dir="auto" required {...attributes}>
        {
          // HTML drops the first line end after the tag: so that it is not one of the text's.
          `\n${text}`
        }
      </textarea>
    </label>
  );
}

/** Where a new memo is written. */
export function Composer({
  site,
  person,
  newKey,
  isEditing,
}: {
  site: Site;
  person: string;
  /** the idempotency key of the memo that is going to be written */
  newKey: string;
  /** whether a memo is being edited, which has the focus then, and is scrolled to */
  isEditing: boolean;
}) {
  return (
    <form class="composer" id="new" method="post" action={href(site, '/memo')} hx-sync="this:drop">
      <input type="hidden" name="person" value={person} />
      <input type="hidden" name="key" value={newKey} />
      {site.fragment || isEditing ? (
        <NewMemoField site={site} autofocus={false} />
      ) : (
        site.frame.newMemo
      )}
    </form>
  );
}

/** The field of a new memo and its button. */
export function NewMemoField({ site, autofocus }: { site: Look; autofocus: boolean }) {
  const { t } = site;
  return (
    <>
      <TextArea label={t.newMemo} text="" placeholder={t.placeholder} autofocus={autofocus} />
      <p class="buttons">
        <button type="submit">{t.save}</button>
      </p>
    </>
  );
}

/** Where a memo is changed, in its place. */
export function Editor({
  site,
  person,
  memo,
  view,
}: {
  site: Site;
  person: string;
  memo: Memo;
  view: View;
}) {
  const { t } = site;
  return (
    <article class="editor" id={`m${memo.id}`} aria-label={t.editMemo}>
      <form
        class="composer"
        id={`edit-${memo.id}`}
        method="post"
        action={href(site, `/memo/${memo.id}`)}
        hx-sync="this:drop"
      >
        <ViewFields view={view} />
        <input type="hidden" name="person" value={person} />
        <input type="hidden" name="version" value={String(versionOf(memo))} />
        <TextArea label={t.yourText} text={memo.text} autofocus />
        <p class="buttons">
          <a
            class="quiet"
            href={`${pageHref(site, { ...view, edit: undefined })}#m${memo.id}`}
            hx-replace-url="true"
            data-key="cancel"
          >
            {t.cancel}
          </a>
          <button type="submit">{t.save}</button>
        </p>
      </form>
    </article>
  );
}
