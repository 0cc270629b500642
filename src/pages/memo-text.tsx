import type { Site } from '../env.ts';
import { type Memo, versionOf } from '../memos.ts';
import { type Line, parseText, type Token } from '../text.ts';
import { pageHref, type View, ViewFields } from './view.tsx';

/** Lines and characters of a long memo that are shown before one asks for more. */
const FOLD_LINES = 12;
const FOLD_LENGTH = 800;

export interface MemoTextProps {
  site: Site;
  memo: Memo;
  view: View;
  /** where the search found something */
  marks?: [start: number, end: number][] | undefined;
  /** whether its tasks can be done here */
  fixed?: boolean;
}

/** A memo's text: its lines, tasks, links and tags. A long one is folded, unless it was searched. */
export function MemoText({ site, memo, view, marks, fixed = false }: MemoTextProps) {
  const lines = parseText(memo.text, marks);
  const fold = marks ? lines.length : foldAt(memo.text, lines.length);
  const show = (from: number, to: number) =>
    lines
      .slice(from, to)
      .map((line, i, all) => (
        <TextLine
          site={site}
          memo={memo}
          view={view}
          line={line}
          index={from + i}
          last={i === all.length - 1}
          fixed={fixed}
        />
      ));
  return (
    <div class="text" id={`m${memo.id}-text`} dir="auto">
      {show(0, fold)}
      {fold < lines.length && (
        <details>
          <summary>{site.t.more(lines.length - fold)}</summary>
          {show(fold, lines.length)}
        </details>
      )}
    </div>
  );
}

/** The line that a long text is folded after. */
function foldAt(text: string, count: number): number {
  let length = 0;
  const lines = text.split('\n');
  for (let i = 0; i < count; i++) {
    length += lines[i]!.length;
    if (i + 1 >= FOLD_LINES || length > FOLD_LENGTH) {
      // Not for the sake of a line or two.
      return count - i - 1 > 2 ? i + 1 : count;
    }
  }
  return count;
}

function TextLine({
  site,
  memo,
  view,
  line,
  index,
  last,
  fixed,
}: {
  site: Site;
  memo: Memo;
  view: View;
  line: Line;
  index: number;
  last: boolean;
  fixed: boolean;
}) {
  const content = line.tokens.map((token) => <Shown site={site} token={token} />);
  if (line.done === undefined) {
    return (
      <>
        {content}
        {!last && '\n'}
      </>
    );
  }
  const label = `m${memo.id}-${index}`;
  return (
    <form class="task" method="post" action={`${site.prefix}/memo/${memo.id}/task`}>
      <ViewFields view={view} />
      <input type="hidden" name="version" value={String(versionOf(memo))} />
      <input type="hidden" name="line" value={String(index)} />
      {/* biome-ignore lint/a11y/useSemanticElements: only a button can send the form by itself */}
      <button
        type="submit"
        name="done"
        value={String(!line.done)}
        role="checkbox"
        aria-checked={line.done ? 'true' : 'false'}
        aria-labelledby={label}
        disabled={fixed}
      ></button>
      <span id={label}>{content}</span>
    </form>
  );
}

function Shown({ site, token }: { site: Site; token: Token }) {
  if (token.kind === 'text') return <Part {...token} />;
  const parts = token.parts.map((part) => <Part {...part} />);
  return token.kind === 'link' ? (
    <a href={token.href} rel="noopener noreferrer nofollow">
      {parts}
    </a>
  ) : (
    <a class="tag" href={pageHref(site, { q: token.tag })}>
      {parts}
    </a>
  );
}

function Part({ text, marked }: { text: string; marked: boolean }) {
  return marked ? <mark>{text}</mark> : text;
}
