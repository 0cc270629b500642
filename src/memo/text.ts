/** Splits a memo's text for the page: lines, tasks, links and tags. */

export type Token =
  | { kind: 'text'; text: string; marked: boolean }
  | { kind: 'link'; href: string; parts: { text: string; marked: boolean }[] }
  | { kind: 'tag'; tag: string; parts: { text: string; marked: boolean }[] };

export interface Line {
  /** whether the task is done; undefined: the line is no task */
  done?: boolean;
  /** index in the text at which the tokens begin, in UTF-16 code units */
  start: number;
  /** can be iterated once */
  tokens: Iterable<Token>;
}

type Range = [start: number, end: number];

const TASK = /^(\s*[-*] \[)([ xX])(\] )/;

/** A link ends before white space, quotes and brackets, and before punctuation of the sentence. */
const LINK = /\bhttps?:\/\/[^\s<>"'`“”‘’「」『』【】]+/gu;
const AFTER_LINK = /[.,;:!?…·\p{Pe}\p{Pf}]/u;
/** A tag begins a word: `a#b` and the fragment of a URL contain none. */
const TAG = /(?<![\p{L}\p{N}_#&/])#[\p{L}\p{N}\p{M}_-]{1,50}/gu;

/**
 * Splits a text into lines, and lines into tokens. A generator, so that a card that shows only some
 * of the lines does not split the others.
 * @param marks the ranges that a search has found, ascending
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
 * Ticks or unticks the task on a line.
 * @param line counted from 0
 * @returns the new text; undefined if there is no task on the line
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
  // Most lines are plain; finding tokens takes several times as long.
  const isPlain = marks.length === 0 && !line.includes('#') && !line.includes('http');
  return isPlain ? [{ kind: 'text', text: line, marked: false }] : findTokens(text, range, marks);
}

/** Finds the tokens of a line. A generator, because an attacker's line has thousands. */
function* findTokens(text: string, [from, to]: Range, marks: Range[]): Generator<Token> {
  const line = text.slice(from, to);
  let end = 0;
  const cut = (range: Range) => split(text, [from + range[0], from + range[1]], marks);
  // Arrays, because nested generators took a quarter of the time of a page with links and tags.
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
    // A tag ends where a link begins, and a link contains no tag.
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

/** A URL without the punctuation of the sentence, but with a closing bracket that was opened inside. */
function trimLink(match: string): string {
  let end = match.length;
  while (AFTER_LINK.test(match[end - 1]!)) end--;
  let unclosed = 0;
  for (const char of match.slice(0, end)) unclosed += char === '(' ? 1 : char === ')' ? -1 : 0;
  for (; match[end] === ')' && unclosed > 0; unclosed--) end++;
  return match.slice(0, end);
}

/** Splits a range of the text where marks begin and end. */
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
