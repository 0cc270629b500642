import { describe, expect, test } from 'vitest';
import { MESSAGES } from '../i18n/index.ts';
import { parseMemo, versionOf } from '../memo/stored-memo.ts';
import { createMemoStore } from '../store/memos.ts';
import { connect, createTestApp, ORIGIN } from '../testing/app.ts';

const { app, redis, logIn } = createTestApp();
const t = MESSAGES.ko;
type Person = Awaited<ReturnType<typeof logIn>>;

interface Element {
  tag: string;
  attributes: Map<string, string>;
  children: (Element | string)[];
}

const VOID = ['input', 'link', 'meta'];
const ENTITIES: Record<string, string> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
};
const TAG = /<(\/?)([a-z][\w-]*)((?:\s+[\w:-]+="[^"<>]*")*)\/?>|([^<>]+)/y;

/** Parses a page more strictly than a browser: throws at anything that we do not write like that. */
function parse(html: string): Element {
  const root: Element = { tag: 'root', attributes: new Map(), children: [] };
  const open = [root];
  const source = html.replace(/^<!DOCTYPE html>/, '');
  const decode = (text: string) =>
    text.replace(/&(?:\w+;|#\d+;)?/g, (entity) => {
      if (!ENTITIES[entity]) throw new Error(`a bare ${entity} in ${text}`);
      return ENTITIES[entity];
    });
  for (let at = 0; at < source.length; at = TAG.lastIndex) {
    TAG.lastIndex = at;
    const found = TAG.exec(source);
    if (!found) throw new Error(`no HTML: ${source.slice(at, at + 80)}`);
    const [, end, tag, attributes, text] = found;
    const parent = open.at(-1)!;
    if (text !== undefined) {
      parent.children.push(decode(text));
    } else if (end) {
      if (parent.tag !== tag) throw new Error(`</${tag}> ends <${parent.tag}>`);
      open.pop();
    } else {
      const pairs = Array.from(attributes!.matchAll(/([\w:-]+)="([^"]*)"/g), ([, name, value]) => [
        name!,
        decode(value!),
      ]) as [string, string][];
      const element: Element = { tag: tag!, attributes: new Map(pairs), children: [] };
      if (element.attributes.size < pairs.length) throw new Error(`twice in ${found[0]}`);
      const inside = open.map((ancestor) => ancestor.tag);
      for (const alone of ['a', 'button', 'form', 'p']) {
        if (tag === alone && inside.includes(alone)) throw new Error(`<${tag}> in itself`);
      }
      if (inside.includes('p') && ['div', 'form', 'ul'].includes(tag!)) {
        throw new Error(`<${tag}> in <p>`);
      }
      parent.children.push(element);
      if (!VOID.includes(tag!)) open.push(element);
    }
  }
  if (open.length > 1) throw new Error(`<${open.at(-1)!.tag}> does not end`);
  const ids = all(root, () => true).flatMap(({ attributes }) => attributes.get('id') ?? []);
  expect(ids).toEqual([...new Set(ids)]);
  return root;
}

/** The descendants that fit, in the page's order. */
function all(element: Element, fits: (element: Element) => boolean): Element[] {
  return element.children.flatMap((child) =>
    typeof child === 'string' ? [] : [...(fits(child) ? [child] : []), ...all(child, fits)],
  );
}
const byTag = (element: Element, tag: string) => all(element, (it) => it.tag === tag);
const byClass = (element: Element, name: string) =>
  all(element, ({ attributes }) => attributes.get('class')?.split(' ').includes(name) ?? false);
const byId = (element: Element, id: string) =>
  all(element, ({ attributes }) => attributes.get('id') === id)[0]!;
const textOf = (element: Element, except?: string): string =>
  element.children
    .map((child) =>
      typeof child === 'string' ? child : child.tag === except ? '' : textOf(child, except),
    )
    .join('');

const cardsOf = (page: Element) => byTag(page, 'article');
const cardOf = (page: Element, id: number) => byId(page, `m${id}`);
const memoOf = (card: Element) => byClass(card, 'text')[0]!;
const textsOf = (page: Element) => cardsOf(page).map((card) => textOf(memoOf(card)));
const marksOf = (element: Element) => byTag(element, 'mark').map((mark) => textOf(mark));
const linkOf = (page: Element, label: string) =>
  byTag(page, 'a')
    .find((link) => textOf(link) === label)
    ?.attributes.get('href');
/** The form that a button submits, as if it had the button's address, and the button in it. */
const formOfButton = (page: Element, button: Element): Element => ({
  tag: 'form',
  attributes: new Map([['action', button.attributes.get('formaction')!]]),
  children: [...byId(page, button.attributes.get('form')!).children, button],
});
const buttonOf = (page: Element, action: string) =>
  byTag(page, 'button').find(
    ({ attributes }) => attributes.get('formaction')?.split('?', 1)[0] === action,
  );
/** The form that posts to an address, which is the form's own or a button's. */
function formOf(page: Element, action: string): Element {
  const form = byTag(page, 'form').find(({ attributes }) => attributes.get('action') === action);
  const button = buttonOf(page, action);
  return form ?? (button && formOfButton(page, button))!;
}
const composerOf = (page: Element) => formOf(page, '/memo');
const searchFieldOf = (page: Element) =>
  byTag(page, 'input').find(({ attributes }) => attributes.get('type') === 'search')!;

/** Opens the page that a link leads to. */
async function open(me: Person, path: string, headers: Record<string, string> = {}) {
  const response = await me.request(path.split('#', 1)[0]!, { headers });
  expect(response.status).toBe(200);
  return parse(await response.text());
}

/** The fields that a browser sends of a form, and the button that submits it. */
function fieldsOf(form: Element): Record<string, string> {
  const named = all(form, ({ tag, attributes }) => tag !== 'textarea' && attributes.has('name'));
  return Object.fromEntries(
    named.map(({ attributes }) => [attributes.get('name')!, attributes.get('value') ?? '']),
  );
}

/** Submits a form, with these fields filled in. @returns the address of the redirect */
async function press(me: Person, form: Element, filled: Record<string, string> = {}) {
  const response = await me.post(form.attributes.get('action')!, { ...fieldsOf(form), ...filled });
  expect(response.status).toBe(303);
  return response.headers.get('Location')!;
}

/** Stores memos, oldest first; in an empty list they get the ids 1, 2, 3… */
const fill = (me: Person, ...texts: string[]) =>
  redis.rpush(`user:${me.id}:memos`, ...texts.map((text) => JSON.stringify({ text })));

async function write(me: Person, text: string): Promise<number> {
  const posted = await me.send('POST', '/memo', { text });
  expect(posted.status).toBe(201);
  return (await posted.json()).id;
}

const storedTexts = async (me: Person) => (await me.stored()).map((memo) => parseMemo(memo).text);
const search = (q: string) => `/?${new URLSearchParams({ q })}`;

describe('a search', () => {
  test('finds the memos that have every word, newest first, and marks the words', async () => {
    const me = await logIn();
    await fill(me, '우유와 달걀', '달걀', 'MILK 우유', '장보기: 달걀, 우유, milk');
    const page = await open(me, search('우유  달걀'));
    expect(textsOf(page)).toEqual(['장보기: 달걀, 우유, milk', '우유와 달걀']);
    expect(cardsOf(page).map(marksOf)).toEqual([
      ['달걀', '우유'],
      ['우유', '달걀'],
    ]);
    expect(searchFieldOf(page).attributes.get('value')).toBe('우유  달걀');
    expect(textOf(byId(page, 'memos'))).toBe('“우유  달걀” 검색 결과');
    expect(textsOf(await open(me, search('milk')))).toEqual([
      '장보기: 달걀, 우유, milk',
      'MILK 우유',
    ]);
  });

  test('finds Korean words by their initial consonants', async () => {
    const me = await logIn();
    await fill(me, '오늘 장보기 목록', '장 볼 곳');
    const page = await open(me, search('ㅈㅂㄱ'));
    expect(textsOf(page)).toEqual(['오늘 장보기 목록']);
    expect(marksOf(page)).toEqual(['장보기']);
  });

  test('finds only the person’s own memos, and none in the trash', async () => {
    const [me, other] = [await logIn(), await logIn()];
    await fill(other, '우유');
    await fill(me, '우유 하나', '우유 둘');
    await me.request('/memo/1', { method: 'DELETE' });
    expect(textsOf(await open(me, search('우유')))).toEqual(['우유 둘']);
  });

  test('shows pinned and other memos in one list, without the composer', async () => {
    const me = await logIn();
    await fill(me, '우유 하나', '달걀', '우유 둘', '우유 셋');
    for (const id of [1, 2]) await me.send('PATCH', `/memo/${id}`, { pin: true });
    const plain = await open(me, '/');
    expect(composerOf(plain)).toBeDefined();
    expect(byId(plain, 'pinned')).toBeDefined();
    const page = await open(me, search('우유'));
    expect(textsOf(page)).toEqual(['우유 셋', '우유 둘', '우유 하나']);
    expect(composerOf(page)).toBeUndefined();
    expect(byId(page, 'pinned')).toBeUndefined();
  });

  test.each([
    [120, [50, 50, 20]],
    [100, [50, 50]],
  ])('of %i hits shows each once, over several pages', async (count, sizes) => {
    const me = await logIn();
    const q = 'a&b "c"+%';
    const hits = Array.from({ length: count }, (_, i) => `a&b "c"+% (${i})`);
    await fill(me, ...hits.flatMap((hit) => [hit, 'a&b']));
    const found: string[][] = [];
    let next: string | undefined = search(q);
    while (next !== undefined) {
      expect(new URL(next, ORIGIN).searchParams.get('q')).toBe(q);
      const page: Element = await open(me, next);
      found.push(textsOf(page));
      expect(searchFieldOf(page).attributes.get('value')).toBe(q);
      expect(linkOf(page, t.newest)).toBe(found.length > 1 ? search(q) : undefined);
      next = linkOf(page, t.older);
    }
    expect(found.map((texts) => texts.length)).toEqual(sizes);
    expect(found.flat()).toEqual([...hits].reverse());
  });

  test('without hits says so, and links back', async () => {
    const me = await logIn();
    await fill(me, '우유');
    const page = await open(me, search('치즈'));
    expect(cardsOf(page)).toEqual([]);
    expect(byClass(page, 'empty').map((it) => textOf(it))).toEqual([t.nothingFound]);
    expect(linkOf(page, t.clearSearch)).toBe('/');
    expect(linkOf(page, t.older)).toBeUndefined();
  });

  test.each(['', '   ', '\u3000\n'])('for %j shows the plain page', async (q) => {
    const me = await logIn();
    await fill(me, ...Array.from({ length: 60 }, (_, i) => `${i}`));
    const page = await open(me, search(q));
    const plain = await open(me, '/');
    expect(textsOf(page)).toEqual(textsOf(plain));
    expect(textsOf(page)).toHaveLength(50);
    expect(composerOf(page)).toBeDefined();
    expect(marksOf(page)).toEqual([]);
    expect(linkOf(page, t.older)).toBe(linkOf(plain, t.older));
    expect(fieldsOf(formOf(page, '/memo/60/delete'))).not.toHaveProperty('q');
    expect(fieldsOf(formOf(page, '/memo/60/pin'))).toEqual({ pin: 'true' });
  });

  test.each([
    '"><img src=x onerror=alert(1)>',
    "'><script>alert(1)</script>",
    '</title><svg onload=alert(1)>',
    '&lt;b&gt; &amp;',
  ])('for HTML (%s) finds it, and shows it as text', async (q) => {
    const me = await logIn();
    await fill(me, `앞 ${q} 뒤`, '다른 글');
    const page = await open(me, search(q));
    expect(textsOf(page)).toEqual([`앞 ${q} 뒤`]);
    expect(marksOf(page).join(' ')).toBe(q);
    expect(searchFieldOf(page).attributes.get('value')).toBe(q);
    expect(textOf(byTag(page, 'title')[0]!)).toContain(q);
    expect(fieldsOf(formOf(page, '/memo/1/delete'))).toMatchObject({ q });
    expect([...byTag(page, 'img'), ...byTag(page, 'svg')]).toEqual([]);
    for (const script of byTag(page, 'script')) expect(script.children).toEqual([]);
    // Without hits, the page has only the query.
    expect(cardsOf(await open(me, search(`없음${q}`)))).toEqual([]);
  });

  test('is still on the page after each action on a card', async () => {
    const me = await logIn();
    await fill(me, ...Array.from({ length: 60 }, (_, i) => `- [ ] 우유 & "${i}"`));
    const q = '우유 &';
    const path = linkOf(await open(me, search(q)), t.older)!;
    const view = Object.fromEntries(new URL(path, ORIGIN).searchParams);
    expect(view).toEqual({ before: '11', q });
    const page = await open(me, path);
    const forms = cardsOf(page).flatMap((card) =>
      byTag(card, 'button')
        .filter(({ attributes }) => attributes.has('form'))
        .map((button) => formOfButton(page, button)),
    );
    expect(forms.map((form) => fieldsOf(form))).toEqual(
      forms.map(() => expect.objectContaining(view)),
    );
    expect(forms).toHaveLength(10 * 3);
    // And these fields are on the page once, not in each card.
    expect(
      byTag(page, 'input').filter(({ attributes }) => attributes.get('name') === 'before'),
    ).toHaveLength(1);

    const expectBack = (location: string, more: Record<string, string> = {}, hash = '') => {
      const url = new URL(location, ORIGIN);
      expect([url.pathname, Object.fromEntries(url.searchParams), url.hash]).toEqual([
        '/',
        { ...view, ...more },
        hash,
      ]);
    };
    expectBack(await press(me, formOf(page, '/memo/7/pin')), {}, '#m7');
    expectBack(await press(me, formOf(page, '/memo/8/task')), {}, '#m8');

    const editor = await open(me, linkOf(cardOf(page, 9), t.edit)!);
    const text = '- [ ] 우유 & 치즈';
    expectBack(linkOf(editor, t.cancel)!, {}, '#m9');
    expectBack(await press(me, formOf(editor, '/memo/9'), { text }), {}, '#m9');

    const after = await press(me, formOf(page, '/memo/10/delete'));
    expectBack(after, { deleted: '10' });
    const stored = await me.stored();
    expect(stored.map((memo) => parseMemo(memo)).slice(6, 10)).toMatchObject([
      { id: 7, pin: true },
      { id: 8, text: '- [x] 우유 & "7"' },
      { id: 9, text },
      { id: 11 },
    ]);
    expectBack(await press(me, formOf(await open(me, after), '/memo/10/restore')), {}, '#m10');
    expect(await me.stored()).toHaveLength(60);
  });

  test('is still on the page after an edit was refused', async () => {
    const me = await logIn();
    await fill(me, '우유');
    const editor = await open(me, `${search('우유')}&edit=1`);
    await me.send('PATCH', '/memo/1', { text: '저쪽 우유' });
    const refused = await me.post('/memo/1', {
      ...fieldsOf(formOf(editor, '/memo/1')),
      text: '내 우유',
    });
    expect(refused.status).toBe(412);
    const again = formOf(parse(await refused.text()), '/memo/1');
    expect(await press(me, again, { text: '내 우유' })).toBe(`${search('우유')}#m1`);
    expect(await storedTexts(me)).toEqual(['내 우유']);
  });
});

describe('a search by the API', () => {
  test('has pages that list every hit once, from the newest to the oldest', async () => {
    const me = await logIn();
    await fill(me, ...Array.from({ length: 250 }, (_, i) => (i % 2 ? `달걀 ${i}` : `우유 ${i}`)));
    const found: string[] = [];
    const sizes: number[] = [];
    let before = '';
    do {
      const response = await me.request(`/memo${search('ㅇㅇ').slice(1)}&limit=30${before}`);
      expect(response.headers.get('Content-Type')).toBe('application/json');
      const { memos, next, ...rest } = await response.json();
      expect(rest).toEqual({});
      found.push(...memos.map((memo: object) => JSON.stringify(memo)));
      sizes.push(memos.length);
      before = next === undefined ? '' : `&before=${next}`;
      if (next !== undefined) expect(next).toBe(String(memos.at(-1).id));
    } while (before);
    expect(sizes).toEqual([30, 30, 30, 30, 5]);
    expect(found).toEqual((await me.stored()).filter((memo) => memo.includes('우유')).reverse());
  });

  test('has 50 hits a page by default, and none of another person’s memos', async () => {
    const [me, other] = [await logIn(), await logIn()];
    await fill(me, ...Array.from({ length: 51 }, () => '우유'));
    const page = await (await me.request('/memo?q=%EC%9A%B0%EC%9C%A0')).json();
    expect([page.memos.length, page.next]).toEqual([50, '2']);
    const theirs = await other.request('/memo?q=%EC%9A%B0%EC%9C%A0');
    expect(await theirs.text()).toBe('{"memos":[]}');
  });

  test('for blanks returns all memos, or a page of them', async () => {
    const me = await logIn();
    await fill(me, 'a', 'b', 'c');
    expect((await (await me.request('/memo?q=')).json()).memos).toHaveLength(3);
    const page = await (await me.request('/memo?q=%20&limit=2')).json();
    expect([page.memos.length, page.next]).toEqual([2, '2']);
  });

  test.each(['limit=0', 'limit=201', 'limit=x', 'before=0', 'before=x'])(
    'with %s is refused',
    async (query) => {
      const me = await logIn();
      expect((await me.request(`/memo?q=x&${query}`)).status).toBe(400);
    },
  );
});

test.each(['/', '/memo'])('a search at %s ends when its client disconnects', async (path) => {
  const client = connect();
  const memos = createMemoStore(client);
  let asked = 0;
  let leave = () => {};
  client.memosBuffer = new Proxy(client.memosBuffer, {
    apply(target, self, args) {
      if (args[1] === 'page' && ++asked === 3) leave();
      return Reflect.apply(target, self, args);
    },
  });
  const { redis, logIn } = createTestApp({ deps: { memos } });
  const me = await logIn();
  const old = Array.from({ length: 4000 }, (_, i) => `{"text": "${i}"}`);
  await redis.rpush(`user:${me.id}:memos`, ...old);
  const controller = new AbortController();
  const { signal } = controller;
  await me.request(`${path}?q=x`, { signal });
  const whole = asked;
  expect(whole).toBeGreaterThan(5);

  asked = 0;
  leave = () => controller.abort();
  await me.request(`${path}?q=x`, { signal });
  expect(asked).toBe(3);
});

describe('in a memo', () => {
  test('a #tag links to the memos that have it', async () => {
    const me = await logIn();
    await fill(me, '장보기', '#장보기 우유', '내일 #장보기: 달걀');
    const page = await open(me, '/');
    const [tag, ...more] = byTag(memoOf(cardOf(page, 2)), 'a');
    expect([textOf(tag!), more]).toEqual(['#장보기', []]);
    expect(tag!.attributes.get('href')).toBe(search('#장보기'));
    const found = await open(me, tag!.attributes.get('href')!);
    expect(textsOf(found)).toEqual(['내일 #장보기: 달걀', '#장보기 우유']);
    expect(marksOf(found)).toEqual(['#장보기', '#장보기']);
  });

  test('an address is a link, without a referrer', async () => {
    const me = await logIn();
    const address = 'https://example.com/a(b)?c=%20&d="'.slice(0, -1);
    await fill(me, `보기: ${address}, 또 http://x.example/'><b onclick=x>`);
    const links = byTag(memoOf(cardOf(await open(me, '/'), 1)), 'a');
    expect(links.map((link) => [textOf(link), Object.fromEntries(link.attributes)])).toEqual(
      [address, 'http://x.example/'].map((href) => [
        href,
        { href, rel: 'noopener noreferrer nofollow' },
      ]),
    );
    const [marked] = byTag(memoOf(cardOf(await open(me, search('example.com')), 1)), 'a');
    expect([marked!.attributes.get('href'), marksOf(marked!)]).toEqual([address, ['example.com']]);
  });

  test.each([
    'javascript:alert(1)',
    'JAVASCRIPT://example.com/%0aalert(1)',
    'java\tscript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'file:///etc/passwd',
    '//evil.example/',
    'https://',
  ])('%s is no link', async (text) => {
    const me = await logIn();
    await fill(me, text);
    const memo = memoOf(cardOf(await open(me, '/'), 1));
    expect(byTag(memo, 'a')).toEqual([]);
    expect(textOf(memo)).toBe(text);
  });
});

describe('a task', () => {
  const TEXT = '할 일\n- [ ] 우유\n  * [X] 우유\n- [ ] 우유\n-[ ] 우유\n끝';

  /** A memo with tasks, as the page shows it. */
  async function tasks(text = TEXT) {
    const me = await logIn();
    const id = await write(me, text);
    const show = async () => {
      const page = await open(me, '/');
      const memo = memoOf(cardOf(page, id));
      const boxes = byTag(memo, 'button');
      return { memo, boxes, forms: boxes.map((box) => formOfButton(page, box)) };
    };
    const toggle = (fields: Record<string, string>) =>
      me.post(`/memo/${id}/task`, { version: `${id}`, line: '1', done: 'true', ...fields });
    return { me, id, show, toggle };
  }

  test('is a checkbox that its line labels', async () => {
    const { show } = await tasks();
    const { memo, boxes } = await show();
    expect(textOf(memo, 'div')).toBe('할 일\n-[ ] 우유\n끝');
    const seen = boxes.map(({ attributes }) => {
      expect([attributes.has('type'), attributes.has('disabled')]).toEqual([false, false]);
      const label = byId(memo, attributes.get('aria-labelledby')!);
      return [attributes.get('role'), attributes.get('aria-checked'), textOf(label)];
    });
    expect(seen).toEqual([
      ['checkbox', 'false', '우유'],
      ['checkbox', 'true', '우유'],
      ['checkbox', 'false', '우유'],
    ]);
  });

  test('is ticked and unticked by its checkbox, and nothing but its line changes', async () => {
    const { me, id, show } = await tasks();
    const expectText = async (text: string) => {
      const [memo, ...more] = await me.stored();
      const { edited } = parseMemo(memo!);
      expect(edited).toBeGreaterThan(id);
      expect([JSON.parse(memo!), more]).toEqual([{ id, text, edited }, []]);
    };
    expect(await press(me, (await show()).forms[2]!)).toBe(`/#m${id}`);
    await expectText('할 일\n- [ ] 우유\n  * [X] 우유\n- [x] 우유\n-[ ] 우유\n끝');
    const { boxes, forms } = await show();
    const checked = boxes.map(({ attributes }) => attributes.get('aria-checked'));
    expect(checked).toEqual(['false', 'true', 'true']);
    await press(me, forms[1]!);
    await expectText('할 일\n- [ ] 우유\n  * [ ] 우유\n- [x] 우유\n-[ ] 우유\n끝');
    await press(me, (await show()).forms[2]!);
    await expectText('할 일\n- [ ] 우유\n  * [ ] 우유\n- [ ] 우유\n-[ ] 우유\n끝');
  });

  test('of a text that was changed elsewhere gets 412', async () => {
    const { me, id, show, toggle } = await tasks();
    const [form] = (await show()).forms;
    await me.send('PATCH', `/memo/${id}`, { text: '- [ ] 새 첫 줄\n- [ ] 다른 일' });
    const before = await me.stored();
    const pressed = () => me.post(form!.attributes.get('action')!, fieldsOf(form!));
    const response = await pressed();
    expect(response.status).toBe(412);
    expect(response.headers.get('ETag')).toBe(`"${versionOf(parseMemo(before[0]!))}"`);
    for (const version of ['1', `${id - 1}`, '9007199254740991']) {
      expect((await toggle({ version })).status).toBe(412);
    }
    expect(await me.stored()).toEqual(before);
    // Also if no task is left on the line: the person is told that the text changed.
    await me.send('PATCH', `/memo/${id}`, { text: '일이 없다' });
    expect((await pressed()).status).toBe(412);
    expect(await storedTexts(me)).toEqual(['일이 없다']);
  });

  test('that is ticked twice is ticked once, and the second request is no conflict', async () => {
    const { me, id, toggle } = await tasks();
    expect((await toggle({})).status).toBe(303);
    const once = await me.stored();
    const again = await toggle({});
    expect([again.status, again.headers.get('Location')]).toEqual([303, `/#m${id}`]);
    expect(await me.stored()).toEqual(once);
  });

  test('and another one of its memo, ticked at the same time: one is ticked, one gets 412', async () => {
    const { me, toggle } = await tasks();
    const responses = await Promise.all([toggle({ line: '1' }), toggle({ line: '3' })]);
    expect(responses.map(({ status }) => status).sort()).toEqual([303, 412]);
    expect((await storedTexts(me))[0]!.match(/\[x\]/g)).toHaveLength(1);
  });

  test.each(['0', '4', '5', '6', '99999'])('on line %s, which has none, gets 409', async (line) => {
    const { me, toggle } = await tasks();
    const before = await me.stored();
    const response = await toggle({ line });
    expect(response.status).toBe(409);
    expect(await response.text()).toContain(t.problems['not-a-task'][0]);
    expect(await me.stored()).toEqual(before);
  });

  const no = {
    line: ['', '-1', '1.0', '1e0', ' 1', '100000', 'x'],
    done: ['', 'yes', '1', 'TRUE'],
  };
  const cases = Object.entries({ ...no, version: ['', '0', '-1', 'x', '1.5', '"1"'] });
  test.each(cases.flatMap(([name, values]) => values.map((value) => [name, value])))(
    'with the %s %j gets 400',
    async (name, value) => {
      const { me, toggle } = await tasks();
      const before = await me.stored();
      expect((await toggle({ [name!]: value! })).status).toBe(400);
      expect(await me.stored()).toEqual(before);
    },
  );

  test('needs line, version and done, and a form', async () => {
    const { me, id } = await tasks();
    const before = await me.stored();
    const fields = { line: '1', version: `${id}`, done: 'true' };
    for (const name of Object.keys(fields)) {
      const { [name as 'line']: _, ...rest } = fields;
      expect((await me.post(`/memo/${id}/task`, rest)).status).toBe(400);
    }
    expect((await me.send('POST', `/memo/${id}/task`, fields)).status).toBe(415);
    expect((await me.request(`/memo/${id}/task`)).status).toBe(405);
    expect(await me.stored()).toEqual(before);
  });

  test('of a memo that is unknown, deleted or another person’s gets 404', async () => {
    const [{ me, id, toggle }, other] = [await tasks(), await logIn()];
    const fields = { line: '1', version: `${id}`, done: 'true' };
    for (const unknown of ['5', '0', `${id + 1}`, 'x', '__proto__']) {
      expect((await me.post(`/memo/${unknown}/task`, fields)).status).toBe(404);
    }
    const before = await me.stored();
    const theirs = await other.post(`/memo/${id}/task`, fields);
    expect(theirs.status).toBe(404);
    expect(await theirs.text()).not.toContain('우유');
    const anonymous = await app.request(`/memo/${id}/task`, {
      method: 'POST',
      body: new URLSearchParams(fields),
    });
    expect([anonymous.status, anonymous.headers.get('Location')]).toEqual([302, '/']);
    expect(await me.stored()).toEqual(before);
    expect(await other.stored()).toEqual([]);
    await me.request(`/memo/${id}`, { method: 'DELETE' });
    expect((await toggle({})).status).toBe(404);
    expect(await redis.lrange(`user:${me.id}:trash`, 0, -1)).toEqual([
      expect.stringContaining(JSON.stringify(TEXT)),
    ]);
  });
});

describe('a long memo', () => {
  const lines = (count: number, line = '줄') =>
    Array.from({ length: count }, (_, i) => `${line} ${i}`);

  test.each([
    ['lines', lines(100)],
    ['characters', lines(10, '가'.repeat(400))],
  ])('of many %s is folded, and all of its text is on the page', async (_, all) => {
    const me = await logIn();
    const id = await write(me, all.join('\n'));
    const memo = memoOf(cardOf(await open(me, '/'), id));
    const [details, ...more] = byTag(memo, 'details');
    expect(more).toEqual([]);
    expect(details!.attributes.has('open')).toBe(false);
    const folded = textOf(details!, 'summary').split('\n');
    expect(folded.length).toBeGreaterThan(2);
    expect(textOf(byTag(details!, 'summary')[0]!)).toBe(t.more(folded.length));
    expect([...textOf(memo, 'details').split('\n'), ...folded]).toEqual(all);
  });

  test('is not folded in search results, and a short one is never folded', async () => {
    const me = await logIn();
    await fill(me, lines(9).join('\n'), [...lines(100), '바늘'].join('\n'));
    const page = await open(me, '/');
    expect(byTag(cardOf(page, 1), 'details')).toEqual([]);
    expect(byTag(cardOf(page, 2), 'details')).toHaveLength(1);
    const found = await open(me, search('바늘'));
    expect(byTag(found, 'details')).toEqual([]);
    expect(textsOf(found)).toEqual([[...lines(100), '바늘'].join('\n')]);
  });

  test('has tasks below the fold that can be ticked', async () => {
    const me = await logIn();
    const text = lines(30, '- [ ] 일').join('\n');
    const id = await write(me, text);
    const page = await open(me, '/');
    const [details] = byTag(memoOf(cardOf(page, id)), 'details');
    await press(me, formOfButton(page, byTag(details!, 'button').at(-1)!));
    expect(await storedTexts(me)).toEqual([text.replace('- [ ] 일 29', '- [x] 일 29')]);
  });
});

describe('the time of a memo', () => {
  const MICROS = Date.UTC(2024, 0, 2, 3, 4, 5, 678) * 1000;

  test.each([
    ['ko', '수정:'],
    ['en', 'edited'],
  ] as const)(
    'is shown in %s as how long ago, with the exact time for the script',
    async (language, edited) => {
      const me = await logIn();
      const later = MICROS + 60e6;
      await redis.rpush(
        `user:${me.id}:memos`,
        `{"id":${MICROS},"text":"글"}`,
        `{"id":${MICROS + 1},"text":"글","edited":${later}}`,
      );
      const page = await open(me, '/', { 'Accept-Language': language });
      const timesOf = (id: number) => {
        const [footer] = byTag(cardOf(page, id), 'footer');
        expect(textOf(footer!).includes(edited)).toBe(id !== MICROS);
        return byTag(footer!, 'time').map((time) => {
          expect(textOf(time)).toMatch(language === 'ko' ? /^(\d+년 전|작년|재작년)$/ : /year/);
          return time.attributes.get('datetime');
        });
      };
      expect(timesOf(MICROS)).toEqual(['2024-01-02T03:04Z']);
      expect(timesOf(MICROS + 1)).toEqual(['2024-01-02T03:04Z', '2024-01-02T03:05Z']);
    },
  );

  test('says “edited” after its text was changed, not after it was pinned', async () => {
    const me = await logIn();
    const id = await write(me, '글');
    const times = async () => textOf(byTag(cardOf(await open(me, '/'), id), 'footer')[0]!);
    expect(await times()).not.toContain(t.edited);
    await me.send('PATCH', `/memo/${id}`, { pin: true });
    expect(await times()).not.toContain(t.edited);
    await me.send('PATCH', `/memo/${id}`, { text: '고친 글' });
    expect(await times()).toContain(t.edited);
  });

  test('is left out if nothing dates the memo', async () => {
    const me = await logIn();
    await fill(me, '옛 글');
    expect(byTag(cardOf(await open(me, '/'), 1), 'time')).toEqual([]);
  });
});

describe('any text is shown as it was written', () => {
  test.each([
    ['an image with a script', '<img src=x onerror=alert(1)>'],
    ['the end of a textarea', '</textarea><script>alert(1)</script>'],
    ['ends of elements and comments', '</title></form></main><!-- ]]> --><![CDATA[ "\'`'],
    ['what looks like entities', '&lt;b&gt; &amp;amp; &#39; &nbsp;'],
    ['20,000 characters without a space', '가'.repeat(20_000)],
    ['right-to-left scripts', 'שלום עולם\n\u202eabc\u202c مرحبا'],
    ['characters of zero width', '\u200b가\u200d나\u2060\ufeff다\u00ad'],
    ['500 emoji', '👩‍👩‍👧‍👦🎒🇰🇷👍🏽'.repeat(125)],
    ['blank lines and indents', '하나\n\n\n  둘\t셋   넷'],
    ['code', 'if (a < b && c > d) { x = "$&$1"; } // \\n %s {{t}}'],
  ])('%s', async (_, text) => {
    const me = await logIn();
    const id = await write(me, text);
    expect(await me.stored()).toEqual([JSON.stringify({ id, text })]);
    const readText = (page: Element) => {
      expect([...byTag(page, 'img'), ...byTag(page, 'b')]).toEqual([]);
      for (const script of byTag(page, 'script')) expect(script.children).toEqual([]);
      const memo = memoOf(cardOf(page, id));
      expect(memo.attributes.get('dir')).toBe('auto');
      return textOf(memo);
    };
    expect(readText(await open(me, '/'))).toBe(text);
    const word = /\S+/.exec(text)![0];
    expect(readText(await open(me, search(word)))).toBe(text);

    const editor = formOf(await open(me, `/?edit=${id}`), `/memo/${id}`);
    const [field] = byTag(editor, 'textarea');
    expect(field!.attributes.get('dir')).toBe('auto');
    // HTML drops the first line end in a field.
    expect(textOf(field!)).toBe(`\n${text}`);
    // Saving the same text changes nothing.
    await press(me, formOf(await open(me, `/?edit=${id}`), `/memo/${id}`), { text });
    expect(await me.stored()).toEqual([JSON.stringify({ id, text })]);

    await me.request(`/memo/${id}`, { method: 'DELETE' });
    expect(readText(await open(me, '/trash'))).toBe(text);
  });

  test('and so is the person’s name', async () => {
    const name = '"><img src=x onerror=alert(1)> & \u202eabc';
    const page = await open(await logIn(undefined, name), '/');
    expect(byClass(page, 'name').map((it) => textOf(it))).toEqual([name]);
    expect(textOf(byTag(page, 'title')[0]!)).toContain(name);
  });
});

describe('pinned memos', () => {
  test('are above the others on the first page, and on no other page', async () => {
    const me = await logIn();
    await fill(me, ...Array.from({ length: 130 }, (_, i) => `${i + 1}`));
    const pins = [130, 129, 81, 80, 45, 1];
    for (const id of pins) {
      const form = formOf(await pageWith(me, id), `/memo/${id}/pin`);
      // A pinned memo is on the first page, where the redirect leads.
      expect(await press(me, form)).toBe(`/#m${id}`);
    }
    const found: string[] = [];
    let next: string | undefined = '/';
    while (next !== undefined) {
      const page: Element = await open(me, next);
      const section = byTag(page, 'section').find((it) => byId(it, 'pinned'));
      expect(section ? textsOf(section) : undefined).toEqual(
        next === '/' ? pins.map(String) : undefined,
      );
      found.push(...textsOf(page));
      next = linkOf(page, t.older);
    }
    const others = Array.from({ length: 130 }, (_, i) => 130 - i).filter(
      (id) => !pins.includes(id),
    );
    expect(found).toEqual([...pins, ...others].map(String));
    expect((await redis.smembers(`user:${me.id}:pins`)).map(Number).sort((a, b) => b - a)).toEqual(
      pins,
    );
  });

  /** The page that begins with this memo. */
  const pageWith = (me: Person, id: number) => open(me, `/?before=${id + 1}`);

  test('have a button that unpins them', async () => {
    const me = await logIn();
    await fill(me, '하나', '둘');
    await press(me, formOf(await open(me, '/'), '/memo/1/pin'));
    const form = formOf(await open(me, '/'), '/memo/1/pin');
    expect([textOf(form), fieldsOf(form)]).toEqual([t.unpin, { pin: 'false' }]);
    await press(me, form);
    const page = await open(me, '/');
    expect([textsOf(page), byId(page, 'pinned')]).toEqual([['둘', '하나'], undefined]);
    expect((await me.stored()).join()).not.toContain('pin');
  });
});
