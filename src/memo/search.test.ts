import { expect, test } from 'vitest';
import { createSearch } from './search.ts';

/** Where the words are. */
function find(query: string, text: string) {
  const finding = createSearch(query)!.find(text);
  for (;;) {
    const { done, value } = finding.next();
    if (done) return value;
  }
}
const finds = (query: string, text: string) => createSearch(query)?.matches(text);
/** The text with what was found in brackets. */
const mark = (query: string, text: string) => {
  let marked = '';
  let end = 0;
  for (const [from, to] of find(query, text)) {
    marked += `${text.slice(end, from)}[${text.slice(from, to)}]`;
    end = to;
  }
  return marked + text.slice(end);
};

test.each([
  ['장보기', '오늘 장보기 목록'],
  ['보기', '장보기'],
  ['장보', '장보기'],
  ['장복', '장보기'],
  ['장볼', '장보기'],
  ['장ㅂ', '장보기'],
  ['ㅈㅂㄱ', '오늘 장보기'],
  ['ㅈ', '장'],
  ['장보ㄱ', '장보기'],
  ['고', '과일'],
  ['달', '닭'],
  ['닭', '달걀'.replace('걀', '가')],
  ['앉', '안정'],
  ['ㄳ', '감사'],
  ['ㄳ', '정말 ㄳ'],
  ['ㅋㅋ', '웃기다 ㅋㅋㅋ'],
  ['ㅠㅠ', '슬프다 ㅠㅠ'],
  ['HELLO', 'hello'],
  ['ｈｅｌｌｏ', 'Hello'],
  ['hello', 'ＨＥＬＬＯ'],
  ['우유 달걀', '달걀과 우유'],
  ['#장보기', '메모 #장보기'],
  ['1+1=2?', '참고: 1+1=2?'],
  ['[a-z]', 'x [a-z] y'],
  ['\\', 'C:\\'],
  ['🎒', '가방 🎒'],
  ['장보기'.normalize('NFD'), '장보기'],
  ['장보기', '장보기'.normalize('NFD')],
  ['café', 'cafe\u0301'],
  ['ﬁ', 'finish'],
  ['e-mail', 'my E-mail'],
])('%s finds %s', (query, text) => {
  expect(finds(query, text)).toBe(true);
});

test.each([
  ['장보기', '장보러'],
  ['ㅈㅂㄱ', '장 보기'],
  ['ㅏ', '가'],
  ['보기장', '장보기'],
  ['우유 치즈', '우유'],
  ['a.c', 'abc'],
  ['물', '무지개'],
  ['가나', '가'],
  ['ㄱ', 'ㄴ나'],
])('%s does not find %s', (query, text) => {
  expect(finds(query, text)).toBe(false);
});

test('without words there is no search', () => {
  for (const query of ['', '  ', '\n\u3000']) expect(createSearch(query)).toBeUndefined();
});

test.each([
  ['ㅈㅂ', '오늘 장보기, 집밥', '오늘 [장보]기, [집밥]'],
  ['장복', '장보기', '[장보기]'],
  ['우유 달걀', '달걀, 우유 🥛', '[달걀], [우유] 🥛'],
  ['가', '가'.normalize('NFD'), `[${'가'.normalize('NFD')}]`],
  ['fi', 'ﬁsh', '[ﬁ]sh'],
  ['🥛', '👩‍👩‍👧 🥛', '👩‍👩‍👧 [🥛]'],
  ['i', 'İi', '[İi]'],
  ['ガ', 'ｶﾞｶ', '[ｶﾞ]ｶ'],
])('%s marks %s', (query, text, marked) => {
  expect(mark(query, text)).toBe(marked);
});

test.each(['가'.repeat(100), 'ㄱ'.repeat(100), '(a+)+$', '간'.repeat(99), 'ㄳ'.repeat(60)])(
  'a long text is searched for %s in the time of a test',
  (query) => {
    const search = createSearch(query)!;
    expect(search.matches('가'.repeat(20_000))).toBe(/^[가ㄱ]/.test(query));
    expect(find(query, '가'.repeat(20_000)).length > 0).toBe(/^[가ㄱ]/.test(query));
  },
);

test.each(['\u0316\u0301', '\u0f71\u0f72\u0301', '\uff9e\u0334'])(
  'as is a text of nothing but marks in the wrong order',
  (unit) => {
    const search = createSearch('끝')!;
    const text = `${unit.repeat(150_000)}끝`;
    expect(search.matches(text)).toBe(true);
    expect(find('끝', text)).toEqual([[text.length - 1, text.length]]);
  },
);
