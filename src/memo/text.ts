/** A memo's text as the page shows it: lines, tasks, links and tags. */

export type Token =
  | { kind: 'text'; text: string; marked: boolean }
  | { kind: 'link'; href: string; parts: { text: string; marked: boolean }[] }
  | { kind: 'tag'; tag: string; parts: { text: string; marked: boolean }[] };

export interface Line {
  /** undefined: not a task */
  done?: boolean | undefined;
  /** where its tokens begin in the text */
  start: number;
  /** in order, once */
  tokens: Iterable<Token>;
}

type Range = [start: number, end: number];

const TASK = /^(\s*[-*] \[)([ xX])(\] )/;

/** An address ends before white space and what encloses or follows it in a sentence. */
const LINK = /\bhttps?:\/\/[^\s<>"'`“”‘’「」『』【】]+/gu;
const AFTER_LINK = /[.,;:!?…·\p{Pe}\p{Pf}]/u;
/** A tag begins a word: `a#b` and an address's fragment have none. */
const TAG = /(?<![\p{L}\p{N}_#&/])#[\p{L}\p{N}\p{M}_-]{1,50}/gu;

/**
 * Splits a text into lines, and those into what is shown, one line at a time: whoever shows no more
 * need not have the rest split.
 * @param marks where the search found something, ascending
 */
export function* parseText(text: string, marks: Range[] = []): Generator<Line> {
  let offset = 0;
  for (const source of text.split('\n')) {
    const task = TASK.exec(source);
    const start = offset + (task ? task[0].length : 0);
    offset += source.length;
    const tokens = start === offset ? [] : parseLine(text, [start, offset], marks);
    yield task ? { done: task[2] !== ' ', start, tokens } : { start, tokens };
    offset++;
  }
}

/**
 * The text with the task on one line done or not.
 * @returns undefined when there is no task on that line
 */
export function setTask(text: string, line: number, done: boolean): string | undefined {
  const lines = text.split('\n');
  const source = lines[line];
  if (source === undefined || !TASK.test(source)) return undefined;
  lines[line] = source.replace(TASK, `$1${done ? 'x' : ' '}$3`);
  return lines.join('\n');
}

function parseLine(text: string, range: Range, marks: Range[]): Iterable<Token> {
  const line = text.slice(...range);
  // Most lines are: the rest of this takes several times as long.
  const isPlain = marks.length === 0 && !line.includes('#') && !line.includes('http');
  return isPlain ? [{ kind: 'text', text: line, marked: false }] : findTokens(text, range, marks);
}

/** The tokens of one line, as they are asked for: a hostile line has thousands. */
function* findTokens(text: string, [from, to]: Range, marks: Range[]): Generator<Token> {
  const line = text.slice(from, to);
  let end = 0;
  const cut = (range: Range) => split(text, [from + range[0], from + range[1]], marks);
  // Lists, not generators: those took a quarter of the time of a page with links and tags.
  const showUntil = (next: number): Token[] => {
    const parts = cut([end, next]);
    end = next;
    return parts.map(({ text, marked }) => ({ kind: 'text', text, marked }));
  };
  const showLink = (range: Range): Token[] => {
    const before = showUntil(range[0]);
    end = range[1];
    return [...before, { kind: 'link', href: line.slice(...range), parts: cut(range) }];
  };

  const links = findLinks(line);
  let link = links.next().value;
  for (const { 0: match, index } of line.includes('#') ? line.matchAll(TAG) : []) {
    for (; link && link[0] <= index; link = links.next().value) yield* showLink(link);
    // A tag ends where an address begins, and there is none inside of one.
    const stop = Math.min(index + match.length, link ? link[0] : line.length);
    if (index < end || stop - index < 2) continue;
    yield* showUntil(index);
    yield { kind: 'tag', tag: line.slice(index, stop), parts: cut([index, stop]) };
    end = stop;
  }
  for (; link; link = links.next().value) yield* showLink(link);
  yield* showUntil(line.length);
}

function* findLinks(line: string): Generator<Range, undefined> {
  if (!line.includes('http')) return;
  for (const { 0: match, index } of line.matchAll(LINK)) {
    const href = trimLink(match);
    if (URL.canParse(href)) yield [index, index + href.length];
  }
}

/** Without the sentence's punctuation, but with a bracket that was opened within the address. */
function trimLink(match: string): string {
  let end = match.length;
  while (AFTER_LINK.test(match[end - 1]!)) end--;
  let unclosed = 0;
  for (const char of match.slice(0, end)) unclosed += char === '(' ? 1 : char === ')' ? -1 : 0;
  for (; match[end] === ')' && unclosed > 0; unclosed--) end++;
  return match.slice(0, end);
}

/** A range of the text, cut where marks begin and end. */
function split(text: string, [from, to]: Range, marks: Range[]) {
  if (marks.length === 0) return from < to ? [{ text: text.slice(from, to), marked: false }] : [];
  const parts: { text: string; marked: boolean }[] = [];
  const add = (start: number, end: number, marked: boolean) => {
    if (start < end) parts.push({ text: text.slice(start, end), marked });
  };
  let at = from;
  for (let i = firstAfter(marks, from); i < marks.length; i++) {
    const [start, end] = marks[i]!;
    if (start >= to) break;
    add(at, Math.max(start, at), false);
    add(Math.max(start, at), Math.min(end, to), true);
    at = Math.min(end, to);
  }
  add(at, to, false);
  return parts;
}

/** Index of the first mark that ends after `at`. */
function firstAfter(marks: Range[], at: number): number {
  let [low, high] = [0, marks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (marks[middle]![1] <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
