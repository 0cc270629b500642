import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSearch } from './search.ts';
import { parseText, setTask } from './text.ts';

/** The ranges that a search finds. */
function find(query: string, text: string): [start: number, end: number][] {
  const finding = createSearch(query)?.find(text);
  for (let step = finding?.next(); step; step = finding?.next()) if (step.done) return step.value;
  return [];
}

/** The tokens of a text in short notation: links as <…>, tags as {…}, marks as […]. */
const show = (text: string, query = '') =>
  [...parseText(text, find(query, text))]
    .map(({ done, tokens }) => {
      const parts = (list: { text: string; marked: boolean }[]) =>
        list.map((part) => (part.marked ? `[${part.text}]` : part.text)).join('');
      const line = [...tokens].map((token) =>
        token.kind === 'text'
          ? parts([token])
          : token.kind === 'link'
            ? `<${parts(token.parts)}>`
            : `{${parts(token.parts)}}`,
      );
      return (done === undefined ? '' : done ? '☑' : '☐') + line.join('');
    })
    .join('\n');

describe('parseText', () => {
  test.each([
    ['보세요: https://example.com/a?b=c#d.', '보세요: <https://example.com/a?b=c#d>.'],
    ['(https://example.com/위키_(책))', '(<https://example.com/위키_(책)>)'],
    ['「https://example.com」, http://x', '「<https://example.com>」, <http://x>'],
    ['javascript:alert(1) data:x ftp://x', 'javascript:alert(1) data:x ftp://x'],
    ['https://', 'https://'],
    ['#장보기 a#b ##x #1번 #', '{#장보기} a#b ##x {#1번} #'],
    ['#가,#나', '{#가},{#나}'],
    // A path with a fragment, and a numeric entity.
    ['a/#b /#c &#38;', 'a/#b /#c &#38;'],
    ['#가https://a.b/#c', '{#가}<https://a.b/#c>'],
    ['- [ ] 우유\n- [x] 달걀\n-[ ] x\n- [y] z', '☐우유\n☑달걀\n-[ ] x\n- [y] z'],
    ['  * [X] 안쪽', '☑안쪽'],
    ['', ''],
  ])('shows %j as %j', (text, shown) => {
    expect(show(text)).toBe(shown);
  });

  test('continues the marks of a search through links, tags and tasks', () => {
    expect(show('- [ ] #우유 사기', '우유')).toBe('☐{#[우유]} 사기');
    expect(show('https://example.com/우유', 'com/우')).toBe(
      '<https://example.[com/우유]>'.replace('우유]', '우]유'),
    );
  });

  test('returns every character of a text once, except the boxes of tasks', () => {
    const piece = fc.constantFrom(
      '- [ ] ',
      '#tag',
      'https://a.b/(c)',
      '\n',
      ' ',
      '가',
      '.',
      '🎒',
      ')',
    );
    fc.assert(
      fc.property(
        fc.array(piece).map((pieces) => pieces.join('')),
        fc.constantFrom('가', 'a', '#'),
        (text, query) => {
          const marks = find(query, text);
          const lines = [...parseText(text, marks)].map(({ tokens }) =>
            [...tokens]
              .flatMap((token) => (token.kind === 'text' ? [token] : token.parts))
              .map((part) => part.text)
              .join(''),
          );
          const plain = text.split('\n').map((line) => line.replace(/^\s*[-*] \[[ xX]\] /, ''));
          expect(lines).toEqual(plain);
        },
      ),
    );
  });
});

describe('setTask', () => {
  const text = '할 일\n- [ ] 하나\n- [x] 둘';
  test('changes the task on its own line only', () => {
    expect(setTask(text, 1, true)).toBe('할 일\n- [x] 하나\n- [x] 둘');
    expect(setTask(text, 2, false)).toBe('할 일\n- [ ] 하나\n- [ ] 둘');
    expect(setTask(text, 2, true)).toBe(text);
  });
  test('returns undefined for a line without a task', () => {
    for (const line of [0, 3, -1, 1.5]) expect(setTask(text, line, true)).toBeUndefined();
  });
});
