/**
 * Search in memos. A memo matches if it contains all words of the query as substrings, regardless of
 * case and width (NFKC). Hangul also matches as it is typed:
 * - initial consonants: `ㅈㅂㄱ` finds 장보기
 * - an unfinished last syllable: `장보`, `장복` and `장볼` find 장보기, because the final consonant may
 *   belong to the next syllable, or be about to be corrected
 */
import {
  canBeChoseong,
  combineCharacter,
  disassemble,
  disassembleCompleteCharacter,
} from 'es-hangul';
import { QUERY_WORDS, REPLY_BYTES, SEARCH_CHUNK } from './bounds.ts';
import { idOf, type MemoBytes, type MemoPage, parseMemo } from './stored-memo.ts';
import { createPause } from './yielding.ts';

const SYLLABLE = /^[가-힣]$/;
const JAMO = /^[\u3131-\u318e]$/;
const INITIAL_STEP = 588; // code points of syllables with the same initial consonant
const FINAL_STEP = 28; // code points of syllables with the same initial consonant and vowel

/** Whether a text contains every word of a search. */
export type MatchText = (text: string) => boolean;

export interface Search {
  matches: MatchText;
  /**
   * Finds the words in a text: ranges [start, end) in UTF-16 code units, ascending and not adjacent. A
   * generator, so that the caller can pause in a long text.
   */
  find(text: string): Generator<'', [start: number, end: number][]>;
}

/**
 * Creates a search.
 * @param query at most QUERY_LENGTH code points; words after the first QUERY_WORDS are ignored
 * @returns undefined if the query has no words
 */
export function createSearch(query: string): Search | undefined {
  const words = query
    .split(/\s+/)
    .filter((word) => word !== '')
    .slice(0, QUERY_WORDS)
    .map(wordPattern);
  if (words.length === 0) return undefined;
  const patterns = words.map((word) => new RegExp(word, 'u'));
  const any = new RegExp(words.join('|'), 'gu');
  return {
    matches(text) {
      const folded = fold(text);
      return patterns.every((pattern) => pattern.test(folded));
    },
    *find(text) {
      const { folded, starts, ends } = yield* foldWithOrigins(text);
      const found: [number, number][] = [];
      for (const { 0: match, index } of folded.matchAll(any)) {
        const start = starts[index]!;
        const end = ends[index + match.length - 1]!;
        const last = found.at(-1);
        // A character that folds to several can match more than once; adjacent matches become one mark.
        if (last && start <= last[1]) last[1] = Math.max(last[1], end);
        else found.push([start, end]);
      }
      return found;
    },
  };
}

/**
 * Searches a list of memos page by page.
 * @param readPage reads memos with ids below `before`, newest first
 * @param limit the maximum number of memos; fewer are returned if they are very long
 * @param before an id; undefined: starts with the newest memo
 * @param signal ends the search early with the memos found so far
 * @returns the matching memos, and in `next` the cursor of the next page if more may match
 */
export async function searchPages(
  readPage: (limit: number, before?: number) => Promise<MemoPage>,
  matches: MatchText,
  limit: number,
  before?: number,
  signal?: AbortSignal,
): Promise<MemoPage> {
  const found: MemoBytes[] = [];
  let length = 0;
  let cursor = before;
  // A common word occurs among the newest memos: then the search reads only a page.
  let chunk = limit + 1;
  const pause = createPause();
  do {
    const { memos, next } = await readPage(Math.min(chunk, SEARCH_CHUNK), cursor);
    chunk *= 4;
    for (const memo of memos) {
      const { text } = parseMemo(memo);
      if (matches(text)) {
        if (found.length === limit || length > REPLY_BYTES) {
          return { memos: found, next: idOf(found.at(-1)!) };
        }
        // A copy: a view would keep the whole 64 KB that the socket read at once.
        found.push(new Uint8Array(memo));
        length += text.length;
      }
      const paused = pause();
      if (paused) await paused;
    }
    cursor = next;
  } while (cursor !== undefined && !signal?.aborted);
  return { memos: found };
}

/**
 * More combining marks on one character than any language uses (UAX #15 §13: Stream-Safe Text Format
 * allows 30). NFKC turns half-width ﾞ and ﾟ into marks.
 */
const MARKS = /([\p{M}ﾞﾟ]{30})/u;

/** The form in which texts are compared. NFKC turns standalone jamo into initials or vowels. */
function fold(text: string): string {
  // In parts: normalizing takes time quadratic in the number of consecutive marks.
  const parts = text.length < 1000 ? [text] : text.split(MARKS);
  const composed = parts.map((part) => part.normalize('NFKC'));
  // Lower case has two sigmas, and ς depends on the next letter: a query would not match inside a word.
  return composed.join('').toLowerCase().replaceAll('ς', 'σ');
}

/**
 * The folded text, and for each of its code units the start and end of its character in the original
 * text. Folds characters with their marks, so that no match splits one.
 */
function* foldWithOrigins(
  text: string,
): Generator<'', { folded: string; starts: number[]; ends: number[] }> {
  let folded = '';
  const starts: number[] = [];
  const ends: number[] = [];
  let count = 0;
  for (const { 0: character, index, groups } of text.matchAll(CHARACTERS)) {
    const part = fold(character);
    const isPlain = groups?.plain !== undefined;
    for (let i = 0; i < part.length; i++) {
      starts.push(isPlain ? index + i : index);
      ends.push(isPlain ? index + i + 1 : index + character.length);
    }
    folded += part;
    if (++count % 256 === 0) yield '';
  }
  return { folded, starts, ends };
}

/** A run of characters that fold one to one, or a single character with its marks. */
const CHARACTERS = /(?<plain>[\n -~가-힣]+)(?![\p{M}ﾞﾟ])|[\u1100-\u11ff]+|.[\p{M}ﾞﾟ]*/gsu;

/** The source of a regular expression that matches a word in a folded text. */
function wordPattern(word: string): string {
  // Jamo are not folded together: NFKC would combine them to syllables.
  const characters = [...word].flatMap((c) => (JAMO.test(c) ? [c] : [...fold(c)]));
  return composed(characters)
    .map((c, i, all) => characterPattern(c, i === all.length - 1, all.length))
    .join('');
}

/** Composes decomposed syllables (macOS writes file names so), but not standalone jamo. */
function composed(characters: string[]): string[] {
  return characters
    .join('')
    .split(/([\u3131-\u318e])/u)
    .flatMap((part) => (JAMO.test(part) ? [part] : [...part.normalize('NFC')]));
}

function characterPattern(character: string, last: boolean, length: number): string {
  if (JAMO.test(character)) return jamoPattern(character);
  if (last && SYLLABLE.test(character)) return unfinishedPattern(character, length > 1);
  return literal(character);
}

/** A consonant matches itself and syllables that begin with it; ㄳ also matches such of ㄱ and ㅅ in a row. */
function jamoPattern(jamo: string): string {
  const parts = [...disassemble(jamo)];
  if (!parts.every((part) => canBeChoseong(part))) return literal(fold(jamo));
  const initials = parts.map(
    (part) => `[${fold(part)}${rangeFrom(combineCharacter(part, 'ㅏ'), INITIAL_STEP)}]`,
  );
  return parts.length === 1 ? initials.join('') : `(?:${fold(jamo)}|${initials.join('')})`;
}

/** The last syllable may still get a final consonant, lose it to the next one, or have it corrected. */
function unfinishedPattern(syllable: string, correctable: boolean): string {
  const parts = disassembleCompleteCharacter(syllable);
  if (!parts) return literal(syllable);
  const { choseong, jungseong, jongseong } = parts;
  if (jongseong === '') {
    // 고 may become 과, 괘 or 괴: the vowels that continue ㅗ have the next code points.
    const more: Record<string, number> = { ㅗ: 4, ㅜ: 4, ㅡ: 2 };
    return `[${rangeFrom(syllable, FINAL_STEP * (more[jungseong] ?? 1))}]`;
  }
  const finals = [...jongseong];
  const moved = finals.at(-1) as string;
  const open = combineCharacter(choseong, jungseong, finals.slice(0, -1).join(''));
  const alternatives = [literal(syllable)];
  if (finals.length === 1) {
    // 달 may become 닭, 닮 …: finals that continue ㄹ.
    const next = combineCharacter(choseong, jungseong);
    const codes = Array.from({ length: FINAL_STEP }, (_, i) =>
      String.fromCodePoint(next.codePointAt(0)! + i),
    );
    alternatives.push(
      ...codes.filter(
        (code) =>
          disassembleCompleteCharacter(code)?.jongseong.startsWith(moved) && code !== syllable,
      ),
    );
  }
  if (canBeChoseong(moved)) alternatives.push(open + jamoPattern(moved));
  if (correctable && finals.length === 1) alternatives.push(`[${rangeFrom(open, FINAL_STEP)}]`);
  return `(?:${alternatives.join('|')})`;
}

function rangeFrom(first: string, count: number): string {
  return `${first}-${String.fromCodePoint(first.codePointAt(0)! + count - 1)}`;
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&').replaceAll('\\-', '-');
}
