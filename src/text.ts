/** A memo's text as the page shows it: lines, tasks, links and tags. */

export type Token =
  | { kind: 'text'; text: string; marked: boolean }
  | { kind: 'link'; href: string; parts: { text: string; marked: boolean }[] }
  | { kind: 'tag'; tag: string; parts: { text: string; marked: boolean }[] };

export interface Line {
  /** undefined: not a task */
  done?: boolean | undefined;
  tokens: Token[];
}

type Range = [start: number, end: number];

const TASK = /^(\s*[-*] \[)([ xX])(\] )/;

/** An address ends before white space and what encloses or follows it in a sentence. */
const LINK = /\bhttps?:\/\/[^\s<>"'`“”‘’「」『』【】]+/gu;
const AFTER_LINK = /[.,;:!?…·\p{Pe}\p{Pf}]/u;
/** A tag begins a word: `a#b` and an address's fragment have none. */
const TAG = /(?<![\p{L}\p{N}_#&/])#[\p{L}\p{N}\p{M}_-]{1,50}/gu;

/**
 * Splits a text into lines, and those into what is shown.
 * @param marks where the search found something, ascending
 */
export function parseText(text: string, marks: Range[] = []): Line[] {
  let offset = 0;
  return text.split('\n').map((source) => {
    const start = offset;
    offset += source.length + 1;
    const task = TASK.exec(source);
    const from = task ? start + task[0].length : start;
    const tokens = parseLine(text, [from, start + source.length], marks);
    return task ? { done: task[2] !== ' ', tokens } : { tokens };
  });
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

function parseLine(text: string, [from, to]: Range, marks: Range[]): Token[] {
  const line = text.slice(from, to);
  const found: { kind: 'link' | 'tag'; range: Range }[] = [];
  for (const { 0: match, index } of line.matchAll(LINK)) {
    const href = trimLink(match);
    if (URL.canParse(href)) found.push({ kind: 'link', range: [index, index + href.length] });
  }
  const links = found.map(({ range }) => range);
  let next = 0;
  for (const { 0: match, index } of line.matchAll(TAG)) {
    // A tag ends where an address begins, and there is none inside of one.
    while (next < links.length && links[next]![1] <= index) next++;
    const end = Math.min(index + match.length, links[next]?.[0] ?? Number.POSITIVE_INFINITY);
    if (end - index > 1) found.push({ kind: 'tag', range: [index, end] });
  }
  found.sort((a, b) => a.range[0] - b.range[0]);

  const tokens: Token[] = [];
  let end = 0;
  const parts = (range: Range) => split(text, [from + range[0], from + range[1]], marks);
  const plain = (range: Range) => {
    for (const part of parts(range)) tokens.push({ kind: 'text', ...part });
  };
  for (const { kind, range } of found) {
    plain([end, range[0]]);
    const source = line.slice(...range);
    if (kind === 'link') tokens.push({ kind, href: source, parts: parts(range) });
    else tokens.push({ kind, tag: source, parts: parts(range) });
    end = range[1];
  }
  plain([end, line.length]);
  return tokens;
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
