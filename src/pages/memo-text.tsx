import type { PageContext } from '../http/page-context.ts';
import { CARD_LENGTH } from '../memo/bounds.ts';
import type { Search } from '../memo/search.ts';
import { type Memo, versionOf } from '../memo/stored-memo.ts';
import { parseText, type Token } from '../memo/text.ts';
import { escapeText } from './escape.ts';
import { LIST_FORM } from './list-query.tsx';

/** Lines and characters of a long memo that are shown unfolded. */
const FOLD_LINES = 12;
const FOLD_LENGTH = 800;

export interface MemoTextProps {
  page: PageContext;
  memo: Memo;
  /** marks its matches in the text */
  search?: Search;
  /** whether tasks cannot be ticked here */
  fixed?: boolean;
}

/**
 * Renders a memo's text: lines, tasks, links and tags. A long text is folded, except in search results.
 * Beyond `CARD_LENGTH` of HTML, the rest is plain text, and always folded. Yields the HTML in pieces, so
 * that other requests can run in between.
 */
export function* renderText({
  page,
  memo,
  search,
  fixed = false,
}: MemoTextProps): Generator<string> {
  const { id, text } = memo;
  const marks = search && (yield* search.find(text));
  const lines = text.split('\n');
  const count = lines.length;
  const fold = search ? count : foldAt(lines);
  let html = '<div class="text" dir="auto">';
  let length = 0;
  let index = 0;
  let isFolded = false;
  for (const { done, start, tokens } of parseText(text, marks)) {
    if (index === fold) {
      html += openFold(page.t.more(count - fold));
      isFolded = true;
    }
    const label = `m${id}-${index}`;
    if (done !== undefined) html += openTask({ page, memo, done, index, label, fixed });
    let at = start;
    for (const token of tokens) {
      if (length > CARD_LENGTH) break;
      const shown = renderToken(page, token);
      html += shown;
      length += shown.length;
      at += lengthOf(token);
      if (html.length > PIECE) {
        yield html;
        html = '';
      }
    }
    if (done !== undefined) html += '</span></div>';
    index++;
    length += done === undefined ? 1 : TASK_LENGTH;
    if (length > CARD_LENGTH && at < text.length) {
      if (!isFolded) html += openFold(page.t.more(Math.max(1, count - index)));
      yield `${html}${escapeText(text.slice(at))}</details></div>`;
      return;
    }
    if (done === undefined && index !== fold && index < count) html += '\n';
  }
  yield `${html}${isFolded ? '</details></div>' : '</div>'}`;
}

/** Characters of HTML in a piece, after which other requests may run. */
const PIECE = 2048;

/** Characters of HTML around the text of a task. */
const TASK_LENGTH = 250;

const openFold = (summary: string) => `<details><summary>${escapeText(summary)}</summary>`;

interface TaskProps extends Pick<Required<MemoTextProps>, 'page' | 'memo' | 'fixed'> {
  done: boolean;
  /** of the line in the text, from 0 */
  index: number;
  /** the id of the element with the task's text */
  label: string;
}

/** A checkbox that works without a script: a button of the list's form. */
function openTask({ page, memo, done, index, label, fixed }: TaskProps): string {
  const box = `role="checkbox" aria-checked="${done}" aria-labelledby="${label}"`;
  const path = `${page.prefix}/memo/${memo.id}/task?version=${versionOf(memo)}&amp;line=${index}`;
  const check = fixed
    ? `<span ${box} aria-disabled="true"></span>`
    : `<button form="${LIST_FORM}" formaction="${path}" name="done" value="${!done}" ${box}></button>`;
  return `<div class="task">${check}<span id="${label}">`;
}

function renderToken(page: PageContext, token: Token): string {
  if (token.kind === 'text') return renderPart(token);
  const parts = token.parts.map(renderPart).join('');
  return token.kind === 'link'
    ? `<a href="${escapeText(token.href)}" rel="noopener noreferrer nofollow">${parts}</a>`
    : `<a class="tag" href="${page.prefix}/?q=${encodeURIComponent(token.tag)}">${parts}</a>`;
}

function renderPart({ text, marked }: { text: string; marked: boolean }): string {
  return marked ? `<mark>${escapeText(text)}</mark>` : escapeText(text);
}

/** Characters of the source that a token shows. */
const lengthOf = (token: Token): number =>
  token.kind === 'text'
    ? token.text.length
    : token.parts.reduce((sum, { text }) => sum + text.length, 0);

/** How many lines of a text are shown unfolded. */
function foldAt(lines: string[]): number {
  const count = lines.length;
  let length = 0;
  for (const [i, line] of lines.entries()) {
    length += line.length;
    if (i + 1 >= FOLD_LINES || length > FOLD_LENGTH) {
      // A fold for one or two lines is not worth it.
      return count - i - 1 > 2 ? i + 1 : count;
    }
  }
  return count;
}
