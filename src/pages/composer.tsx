import type { PageContext, StaticContext } from '../http/page-context.ts';
import { type Memo, versionOf } from '../memo/stored-memo.ts';
import { href } from './href.ts';
import { type ListQuery, ListQueryFields, pageHref } from './list-query.tsx';
import { oncePerTheme } from './once-per-theme.ts';

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
  page,
  person,
  newKey,
  isEditing,
}: {
  page: PageContext;
  person: string;
  /** the idempotency key of the memo that is going to be written */
  newKey: string;
  /** whether a memo is being edited, which has the focus then, and is scrolled to */
  isEditing: boolean;
}) {
  return (
    <form class="composer" id="new" method="post" action={href(page, '/memo')}>
      <input type="hidden" name="person" value={person} />
      <input type="hidden" name="key" value={newKey} />
      {page.fragment || isEditing ? <NewMemoField page={page} /> : <FocusedField page={page} />}
    </form>
  );
}

/** The field of a new memo and its button. */
function newMemoField(page: StaticContext, autofocus: boolean) {
  const { t } = page;
  return (
    <>
      <TextArea label={t.newMemo} text="" placeholder={t.placeholder} autofocus={autofocus} />
      <p class="buttons">
        <button class="primary" type="submit">
          {t.save}
        </button>
      </p>
    </>
  );
}

const NewMemoField = oncePerTheme((page) => newMemoField(page, false));
const FocusedField = oncePerTheme((page) => newMemoField(page, true));

/** Where a memo is changed, in its place. */
export function Editor({
  page,
  person,
  memo,
  query,
}: {
  page: PageContext;
  person: string;
  memo: Memo;
  query: ListQuery;
}) {
  const { t } = page;
  return (
    <article class="editor" id={`m${memo.id}`} aria-label={t.editMemo}>
      <form
        class="composer"
        id={`edit-${memo.id}`}
        method="post"
        action={href(page, `/memo/${memo.id}`)}
      >
        <ListQueryFields query={query} />
        <input type="hidden" name="person" value={person} />
        <input type="hidden" name="version" value={String(versionOf(memo))} />
        <TextArea label={t.yourText} text={memo.text} autofocus />
        <p class="buttons">
          <a
            class="quiet"
            href={`${pageHref(page, { ...query, edit: undefined })}#m${memo.id}`}
            hx-replace-url="true"
            data-action="cancel"
          >
            {t.cancel}
          </a>
          <button class="primary" type="submit">
            {t.save}
          </button>
        </p>
      </form>
    </article>
  );
}
