import type { PageContext, StaticContext } from '../http/page-context.ts';
import { type Memo, versionOf } from '../memo/stored-memo.ts';
import { href } from './href.ts';
import { type ListQuery, ListQueryFields, pageHref } from './list-query.tsx';
import { oncePerTheme } from './once-per-theme.ts';

export interface TextAreaProps {
  label: string;
  text: string;
  placeholder?: string;
  autofocus?: boolean;
}

/** The field of a memo's text, with its label. */
export function TextArea({ label, text, ...attributes }: TextAreaProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <textarea name="text" rows={4} dir="auto" required {...attributes}>
        {
          // HTML drops a line end after the tag: without this one, it would be the text's own.
          `\n${text}`
        }
      </textarea>
    </label>
  );
}

export interface ComposerProps {
  page: PageContext;
  /** the pseudonym of the person, see `pseudonymOf` */
  person: string;
  /** the idempotency key of the new memo */
  newKey: string;
  /** whether an editor is open, which has the focus then */
  isEditing: boolean;
}

/** The form for a new memo. */
export function Composer({ page, person, newKey, isEditing }: ComposerProps) {
  return (
    <form class="composer" id="new" method="post" action={href(page, '/memo')}>
      <input type="hidden" name="person" value={person} />
      <input type="hidden" name="key" value={newKey} />
      {page.fragment || isEditing ? <NewMemoField page={page} /> : <FocusedField page={page} />}
    </form>
  );
}

/** The field of a new memo, and the button that saves it. */
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

export interface EditorProps {
  page: PageContext;
  /** the pseudonym of the person, see `pseudonymOf` */
  person: string;
  memo: Memo;
  query: ListQuery;
}

/** The form to edit a memo, in place of its card. */
export function Editor({ page, person, memo, query }: EditorProps) {
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
