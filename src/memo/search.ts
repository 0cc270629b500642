/**
 * Search in memos: substrings, all words required, without regard to case and width (NFKC), and
 * Hangul as one types it:
 * - initial consonants: `ㅈㅂㄱ` finds 장보기
 * - a last syllable that is still being typed: `장보`, `장복` and `장볼` all find 장보기, because the
 *   final consonant may belong to the next syllable, or be about to be corrected
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
const INITIAL_STEP = 588; // syllables that begin with the same consonant
const FINAL_STEP = 28; // syllables that begin with the same consonant and vowel

/** Whether a text has every word of a search. */
export type MatchText = (text: string) => boolean;

export interface Search {
  matches: MatchText;
  /**
   * Where in a text the words are: [start, end) in UTF-16 code units, ascending, with gaps between.
   * A long text takes its time: it yields now and then, so that others can have their turn.
   */
  find(text: string): Generator<'', [start: number, end: number][]>;
}

/**
 * @param query at most `QUERY_LENGTH`
 * @returns undefined when it has no words
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
        // One character can fold to several, and be found more than once; neighbours are one mark.
        if (last && start <= last[1]) last[1] = Math.max(last[1], end);
        else found.push([start, end]);
      }
      return found;
    },
  };
}

/**
 * Searches a list of memos page by page.
 * @param readPage reads memos older than the id `before`, newest first
 * @param limit memos; fewer are found when they are very long
 * @param before an id; undefined: from the newest on
 * @param signal ends the search early, with what was found until then
 * @returns what matches, and the cursor to go on from when more may match
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
  // A common word is found among the newest memos: then a search reads no more than a page.
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
        // A copy: a view would keep the whole chunk of the socket that it came with, 64 KB.
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
 * More marks on one character than any script puts there (UAX #15 §13 allows 30). Half-width ﾞ and ﾟ
 * become marks.
 */
const MARKS = /([\p{M}ﾞﾟ]{30})/u;

/** Texts are compared in this form. Jamo that stand alone become initial consonants or vowels. */
function fold(text: string): string {
  // In parts: putting marks in order takes time with the square of how many there are in a row.
  const parts = text.length < 1000 ? [text] : text.split(MARKS);
  const composed = parts.map((part) => part.normalize('NFKC'));
  // The final sigma depends on what follows it, so a letter alone would not find itself.
  return composed.join('').toLowerCase().replaceAll('ς', 'σ');
}

/**
 * The folded text, and for each of its code units where in the original its character starts and
 * ends. Folding goes by what one sees as a character, so that none is split.
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

/** Runs of what folds to itself or to small letters, one to one; else, what one sees as a character. */
const CHARACTERS = /(?<plain>[\n -~가-힣]+)(?![\p{M}ﾞﾟ])|[\u1100-\u11ff]+|.[\p{M}ﾞﾟ]*/gsu;

/** The source of a regular expression for a folded text. */
function wordPattern(word: string): string {
  // Jamo are kept apart from each other: NFKC would make syllables of them.
  const characters = [...word].flatMap((c) => (JAMO.test(c) ? [c] : [...fold(c)]));
  return composed(characters)
    .map((c, i, all) => characterPattern(c, i === all.length - 1, all.length))
    .join('');
}

/** Decomposed syllables (as macOS writes file names) put together, jamo left alone. */
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

/** A consonant alone is itself or any syllable's initial; ㄳ is what typing ㄱ and ㅅ leaves. */
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
    // 고 may become 과, 괘 and 괴: the vowels that are typed by going on from ㅗ follow it directly.
    const more: Record<string, number> = { ㅗ: 4, ㅜ: 4, ㅡ: 2 };
    return `[${rangeFrom(syllable, FINAL_STEP * (more[jungseong] ?? 1))}]`;
  }
  const finals = [...jongseong];
  const moved = finals.at(-1) as string;
  const open = combineCharacter(choseong, jungseong, finals.slice(0, -1).join(''));
  const alternatives = [literal(syllable)];
  if (finals.length === 1) {
    // 달 may become 닭 and its like, which follow it directly up to the next single final.
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
