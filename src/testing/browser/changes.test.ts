/** The answer to a change is a card: with it, the page is what a reload would show. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import {
  button,
  cardButton,
  cardOf,
  comeIn,
  editor,
  isFocused,
  listens,
  memosOn,
  openEditor,
  pinned,
  saver,
  soon,
  useBrowser,
  write,
} from '../world.ts';

useBrowser();

/** The sections of the page, without what htmx notes there. */
const readSections = (page: Page) =>
  page.evaluate(() =>
    Array.from(document.querySelectorAll('#main > section'), (section) => {
      const copy = section.cloneNode(true) as HTMLElement;
      for (const element of [copy, ...copy.querySelectorAll('*')]) {
        for (const { name } of [...element.attributes]) {
          if (name.startsWith('data-htmx')) element.removeAttribute(name);
        }
        // What the script gives whatever card has the focus.
        if (element.matches('article:not(.editor)')) element.removeAttribute('aria-label');
        element.classList.remove('htmx-request', 'htmx-settling', 'htmx-added', 'htmx-swapping');
        if (element.className === '') element.removeAttribute('class');
      }
      return copy.outerHTML;
    }).join('\n'),
  );

test('a change is answered with its card, and the page is as it would be made anew', async () => {
  const { page } = await comeIn('under /memo');
  await listens(page);
  const another = await page.context().newPage();
  const answers: { change: string; bytes: number; isWhole: boolean }[] = [];
  page.on('response', async (response) => {
    const request = response.request();
    if (request.method() !== 'POST') return;
    const change = new URL(request.url()).pathname.replace(/^.*\/memo(\/\d+)?\/?/, '') || 'save';
    const { responseBodySize } = await request.sizes();
    const isWhole = (await response.text()).includes('<main');
    answers.push({ change, bytes: responseBodySize, isWhole });
  });
  let count = 0;
  /** Does something that is answered, and sees the page that a reload would show. */
  async function change(act: () => Promise<unknown>, isWhole = false): Promise<void> {
    await act();
    count++;
    await soon(() => answers.length).toBe(count);
    await expect
      .poll(async () => {
        await another.goto(page.url());
        const [shown, made] = [await readSections(page), await readSections(another)];
        return shown === made ? '' : `${shown}\n\nbut:\n${made}`;
      })
      .toBe('');
    expect(answers.at(-1)).toMatchObject({ isWhole });
    if (!isWhole) expect(answers.at(-1)!.bytes).toBeLessThan(1024);
  }
  const press = (text: string, name: string) => () => cardButton(page, text, name).click();
  const edit = (text: string, now: string) => async () => {
    await openEditor(page, text);
    await editor(page).fill(now);
    await saver(editor(page)).click();
  };

  // A list that is not there yet, or goes with its last card, comes with the page.
  await change(() => write(page, '하나 #처음'), true);
  await change(() => write(page, '둘\n- [ ] 우유\n- [ ] 달걀'));
  await change(() => write(page, '셋 <b>&amp;'));
  await change(() => cardOf(page, '우유').getByRole('checkbox').nth(1).click());
  await change(press('둘', '고정'), true);
  await change(press('하나', '고정'));
  await change(() => cardOf(page, '우유').getByRole('checkbox').nth(0).click());
  await change(edit('하나', '하나 고침'));
  await change(edit('셋', '셋 고침'), true); // the only one that is not pinned
  await change(() => write(page, '넷'));
  await change(press('넷', '삭제'));
  await change(() => button(page, '되돌리기').click());
  await change(press('둘', '고정 해제'));
  await change(press('하나', '고정 해제'), true);
  await change(press('하나', '삭제'));
  await change(() => button(page, '되돌리기').click());
  for (const text of ['하나', '둘', '셋']) await change(press(text, '삭제'));
  await change(press('넷', '삭제'), true);
  await change(() => button(page, '되돌리기').click(), true);

  // What was searched for stays in its place, pinned or not.
  await change(() => write(page, '다섯 찾을 것'));
  await change(() => write(page, '여섯 찾을 것'));
  await page.getByRole('searchbox').fill('찾을');
  await soon(() => page.locator('mark').count()).toBe(2);
  await change(press('다섯', '고정'));
  await change(edit('다섯', '다섯 고쳐서 찾을 것'));
  await change(press('여섯', '삭제'));
  await change(() => button(page, '되돌리기').click());
});

test('cards that leave together leave the page that says that there are none', async () => {
  const { page } = await comeIn('at the root of a host');
  await listens(page);
  for (const text of ['하나', '둘']) {
    await write(page, text);
    await cardOf(page, text).waitFor();
  }
  await page.evaluate(() => {
    for (const button of document.querySelectorAll<HTMLElement>('[formaction$="/delete"]'))
      button.click();
  });
  await page.locator('main .empty').waitFor();
});

test('a card whose list has left meanwhile is shown all the same', async () => {
  const { page } = await comeIn('at the root of a host');
  await listens(page);
  for (const text of ['하나', '둘', '셋']) {
    await write(page, text);
    await cardOf(page, text).waitFor();
  }
  await cardButton(page, '하나', '고정').click();
  await pinned(page).waitFor();
  // Both at once: the answer to the first takes the list away that the second names.
  await page.evaluate(() => {
    const pin = '[formaction$="/pin"]';
    const [only, other] = document.querySelectorAll<HTMLElement>(`#main ${pin}`);
    only!.click();
    other!.click();
  });
  await soon(() => memosOn(pinned(page))).toEqual(['셋']);
  await soon(() => memosOn(page)).toEqual(['셋', '둘', '하나']);
});

test('a change whose response is lost is shown all the same', async () => {
  const { page, world, forgive } = await comeIn('under /memo');
  forgive(/ERR_FAILED|htmx:error/);
  await listens(page);
  for (const text of ['하나', '둘']) {
    await write(page, text);
    await cardOf(page, text).waitFor();
  }
  await page.route(/\/pin$/, async (route) => {
    // With what the browser would have sent: it is done.
    const headers = { ...route.request().headers(), 'sec-fetch-site': 'same-origin' };
    await route.fetch({ headers, maxRedirects: 0 });
    await route.abort();
  });
  await cardButton(page, '하나', '고정').click();
  await page.getByText('연결되지 않았습니다.').waitFor();
  await soon(() => memosOn(pinned(page))).toEqual(['하나']);
  expect(JSON.parse((await world.stored())[0]!).pin).toBe(true);
});

test('an undoing is shown where the page is now, not where it was pressed', async () => {
  const { page, world } = await comeIn('at the root of a host');
  await listens(page);
  for (const text of ['하나 찾을 것', '둘']) {
    await write(page, text);
    await cardOf(page, text).waitFor();
  }
  await page.getByRole('searchbox').fill('찾을');
  await soon(() => page.locator('mark').count()).toBe(1);
  await cardButton(page, '하나', '삭제').click();
  await button(page, '되돌리기').waitFor();
  await page.getByRole('searchbox').fill('');
  await soon(() => memosOn(page)).toEqual(['둘']);
  await button(page, '되돌리기').click();
  await soon(() => memosOn(page)).toEqual(['둘', '하나 찾을 것']);
  expect(page.url()).toBe(world.page);
});

test('without a script, too, an edit begins in its editor', async () => {
  const { page, world } = await comeIn('under /memo', { javaScriptEnabled: false });
  await world.push(...Array.from({ length: 40 }, (_, i) => `글 ${i}.`));
  await page.reload();
  await openEditor(page, '글 13.');
  await soon(() => isFocused(editor(page))).toBe(true);
  expect(await editor(page).evaluate((it) => it.getBoundingClientRect().top < innerHeight)).toBe(
    true,
  );
});
