/** Everybody can use every page: WCAG 2.2 AA, by keyboard, enlarged, in print. */
import { readFile } from 'node:fs/promises';
import type { AxeResults, RunOptions } from 'axe-core';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { describe, expect, inject, test } from 'vitest';
import {
  button,
  cardButton,
  cardOf,
  comeIn,
  composer,
  editor,
  isFocused,
  link,
  memosOn,
  openBrowser,
  openEditor,
  pinned,
  saver,
  soon,
  startWorld,
  tabTo,
  useBrowser,
  type World,
  write,
} from '../world.ts';

useBrowser();

const AXE = await readFile(
  new URL('../../../node_modules/axe-core/axe.min.js', import.meta.url),
  'utf8',
);

declare global {
  interface Window {
    axe: { run(context: Document, options: RunOptions): Promise<AxeResults> };
  }
}

const TEXTS = [
  '옛 글 https://example.com/a/long/address?with=parameters',
  '- [ ] 우유\n- [x] 달걀 #장보기',
  Array.from({ length: 30 }, (_, i) => `긴 글의 ${i + 1}번째 줄`).join('\n'),
  '고정할 글',
  '고칠 글',
];

/** Goes through every state of the pages, in Korean or English, and looks at each. */
async function visit(world: World, page: Page, look: (state: string) => Promise<void>) {
  const { redis } = world;
  const press = (control: string, at = 0) =>
    page.locator(`article > footer > ${control}`).nth(at).click();
  await page.goto(world.page);
  await look('invitation');
  await page.locator('.naver').click();
  await page.locator('input[name=name]').fill('김메모');
  await page.locator('button[value=agree]').click();
  await page.locator('#new').waitFor();
  await look('empty');

  await world.push(...TEXTS);
  await page.goto(world.page);
  await press('[formaction$="/pin"]', 1);
  await page.locator('#pinned').waitFor();
  await press('a', 1);
  await page.locator('.editor textarea').fill('고친 글');
  await look('edit');
  await page.locator('.editor button').click();
  await page.locator('.editor').waitFor({ state: 'detached' });
  await look('memos');
  await page.locator('summary').click();
  await page.locator('main').focus();
  await page.keyboard.press('?');
  await page.locator('dialog[open]').waitFor();
  await look('keys');
  await page.keyboard.press('Escape');

  await page.locator('.search input').fill('ㅇㅇ');
  await page.locator('mark').first().waitFor();
  await look('found');
  await page.locator('.search input').fill('없는 글');
  await page.locator('.empty').waitFor();
  await look('not found');

  await page.goto(world.page);
  await press('a', 1);
  const form = page.locator('.editor form');
  await form.locator('textarea').fill('내 글');
  await page.request.patch(world.origin + (await form.getAttribute('action')), {
    data: { text: '저쪽 글' },
  });
  await form.locator('button').click();
  await page.locator('#draft').waitFor();
  await look('conflict');
  await page.locator('#draft button').click();
  await page.locator('#new').waitFor();

  await press('[formaction$="/delete"]', 2);
  await page.locator('#notice .notice').waitFor();
  await look('deleted');
  await page.goto(`${world.page}trash`);
  await look('trash');
  await page.locator('main a.quiet').first().click();
  await page.locator('main .notice').waitFor();
  await look('question');
  await page.locator('main .notice button').click();
  await page.locator('main .empty').waitFor();
  await look('empty trash');

  await page.goto(`${world.page}nothing`);
  await look('error page');
  await page.goto(world.page);
  await redis.del(...(await redis.keys('session:*')));
  await page.locator('#new textarea').fill('늦은 글');
  await page.locator('#new button').click();
  await page.locator('#notice [role=alert]').waitFor();
  await look('logged out');
}

describe('axe finds nothing', () => {
  const READERS: Record<string, BrowserContextOptions> = {
    'in Korean, in the light, on a phone': {
      locale: 'ko-KR',
      colorScheme: 'light',
      viewport: { width: 390, height: 800 },
      isMobile: true,
      hasTouch: true,
    },
    'in English, in the dark, on a desktop': { locale: 'en-US', colorScheme: 'dark' },
  };
  // Every value of each was there once: these are the other pairs.
  const OTHER_READERS: Record<string, BrowserContextOptions> = {
    'in Korean, in the dark, on a desktop': { locale: 'ko-KR', colorScheme: 'dark' },
    'in English, in the light, on a phone': {
      locale: 'en-US',
      colorScheme: 'light',
      viewport: { width: 390, height: 800 },
      isMobile: true,
      hasTouch: true,
    },
  };
  const readers = { ...READERS, ...(inject('thorough') && OTHER_READERS) };
  test.each(Object.entries(readers))('%s', { timeout: 90_000 }, async (_, options) => {
    const world = await startWorld('under /memo');
    // axe itself is what the content security policy would keep out.
    const { page, forgive } = await openBrowser(world, { ...options, bypassCSP: true });
    forgive(/status of 404/);
    const found: object[] = [];
    await visit(world, page, async (state) => {
      await page.evaluate(AXE);
      const { violations, incomplete } = await page.evaluate(() =>
        window.axe.run(document, {
          resultTypes: ['violations', 'incomplete'],
          rules: { 'target-size': { enabled: true } },
        }),
      );
      for (const { id, nodes } of [
        ...violations,
        ...incomplete.filter((it) => it.id === 'color-contrast' && it.impact === 'critical'),
      ]) {
        found.push({ state, id, nodes: nodes.map((node) => node.html.slice(0, 150)) });
      }
    });
    expect(found).toEqual([]);
  });
});

describe('enlarged to 400 %', () => {
  test('nothing is cut off, and nothing scrolls sideways', async () => {
    const world = await startWorld('under /memo');
    const { page, forgive } = await openBrowser(world, { viewport: { width: 320, height: 256 } });
    forgive(/status of 404/);
    const wide: object[] = [];
    await visit(world, page, async (state) => {
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > 320) wide.push({ state, width });
      const cut = await page.evaluate(() =>
        [...document.querySelectorAll('button, a[href], h1, h2, p, time')]
          .filter((it) => it.getClientRects().length > 0 && !it.closest('.visually-hidden, .skip'))
          .filter((it) => {
            const { left, right } = it.getBoundingClientRect();
            return left < -1 || right > 321;
          })
          .map((it) => it.outerHTML.slice(0, 100)),
      );
      if (cut.length > 0) wide.push({ state, cut });
    });
    expect(wide).toEqual([]);
  });
});

test('a thumb hits every control', async () => {
  const world = await startWorld('under /memo');
  const { page, forgive } = await openBrowser(world, {
    viewport: { width: 390, height: 800 },
    isMobile: true,
    hasTouch: true,
  });
  forgive(/status of 404/);
  const small = new Set<string>();
  await visit(world, page, async (state) => {
    const found = await page.evaluate(() =>
      [...document.querySelectorAll('button, a[href], input:not([type=hidden]), summary')]
        // Links within a text are as high as its lines; the skip link is for keyboards.
        .filter((it) => !it.closest('.skip') && !(it.matches('a') && it.closest('.text')))
        .filter((it) => {
          const { width, height } = it.getBoundingClientRect();
          return height > 0 && (width < 43.5 || height < 43.5);
        })
        .map((it) => `${it.outerHTML.slice(0, 120)} ${JSON.stringify(it.getBoundingClientRect())}`),
    );
    for (const it of found) small.add(`${state}: ${it}`);
  });
  expect([...small]).toEqual([]);
});

describe('whoever uses a keyboard alone', () => {
  test('does everything, and never loses the focus', async () => {
    const { world, page, step } = await comeIn('under /memo');
    const { keyboard } = page;
    const keepsFocus = () =>
      soon(() =>
        page.evaluate(() => {
          const focused = document.activeElement!;
          return focused !== document.body && focused.getClientRects().length > 0;
        }),
      ).toBe(true);
    const card = (text: string) => cardOf(page, text);

    await step('writes', async () => {
      for (const text of ['- [ ] 첫 글', '둘째 글', '셋째 글']) {
        await soon(() => isFocused(composer(page))).toBe(true);
        await keyboard.insertText(text);
        await keyboard.press('Control+Enter');
        await card(text.replace('- [ ] ', '')).waitFor();
      }
    });
    await step('pins and ticks', async () => {
      await tabTo(card('첫 글').getByRole('button', { name: '고정' }));
      await keyboard.press('Space');
      await pinned(page).waitFor();
      await keepsFocus();
      const box = page.getByRole('checkbox', { name: '첫 글' });
      await tabTo(box);
      await keyboard.press('Space');
      await page.getByRole('checkbox', { checked: true }).waitFor();
      expect(await isFocused(box)).toBe(true);
    });
    await step('edits and cancels', async () => {
      await tabTo(card('둘째').getByRole('link', { name: '수정' }));
      await keyboard.press('Enter');
      await soon(() => isFocused(editor(page))).toBe(true);
      await tabTo(link(page, '취소'));
      await keyboard.press('Enter');
      await card('둘째').waitFor();
      await keepsFocus();
    });
    await step('deletes and brings back', async () => {
      await tabTo(cardButton(page, '둘째', '삭제'));
      await keyboard.press('Enter');
      await soon(() => isFocused(button(page, '되돌리기'))).toBe(true);
      await keyboard.press('Enter');
      await card('둘째').waitFor();
      await keepsFocus();
      await tabTo(cardButton(page, '둘째', '삭제'));
      await keyboard.press('Enter');
      await soon(() => isFocused(button(page, '되돌리기'))).toBe(true);
    });
    await step('looks into the trash and restores', async () => {
      await tabTo(link(page, '휴지통'));
      await keyboard.press('Enter');
      await page.getByRole('heading', { name: '휴지통' }).waitFor();
      await keepsFocus();
      await tabTo(cardButton(page, '둘째', '복원'));
      await keyboard.press('Enter');
      await composer(page).waitFor();
      await card('둘째').waitFor();
      await keepsFocus();
    });
    await step('searches', async () => {
      await keyboard.press('/');
      await keyboard.insertText('셋째');
      await page.locator('mark').waitFor();
      await tabTo(link(page, '검색 지우기'));
      await keyboard.press('Enter');
      await composer(page).waitFor();
      await keepsFocus();
    });
    await step('reads English and logs out', async () => {
      await tabTo(button(page, 'English'));
      await keyboard.press('Enter');
      await page.locator('html[lang=en]').waitFor({ state: 'attached' });
      await page.waitForLoadState();
      await tabTo(button(page, 'Log out'));
      await keyboard.press('Enter');
      await link(page, 'Log in with Naver').waitFor();
    });
    expect(await world.texts()).toEqual(['셋째 글', '둘째 글', '- [x] 첫 글']);
  });

  test('sees what has the focus, above whatever is said at the foot', async () => {
    const { page } = await comeIn('under /memo', { viewport: { width: 390, height: 420 } });
    for (let i = 0; i < 6; i++) {
      await write(page, `글 ${i}`);
      await soon(async () => (await memosOn(page)).length).toBe(i + 1);
    }
    await cardButton(page, '글 5', '삭제').click();
    await page.getByText('메모를 삭제했습니다.').waitFor();
    await composer(page).focus();
    const hidden: string[] = [];
    for (let i = 0; i < 30; i++) {
      await page.keyboard.press('Tab');
      const covered = await page.evaluate(() => {
        const focused = document.activeElement!;
        if (focused === document.body || focused.closest('#notice')) return undefined;
        const { top, bottom } = focused.getBoundingClientRect();
        const said = document.querySelector('#notice .notice')?.getBoundingClientRect();
        const isCovered = said && top >= said.top && bottom <= said.bottom;
        return isCovered || bottom <= 0 || top >= innerHeight ? focused.outerHTML : undefined;
      });
      if (covered) hidden.push(covered);
    }
    expect(hidden).toEqual([]);
  });
});

test('what is done is said to whoever hears the page', async () => {
  const { world, page, step } = await comeIn('under /memo');
  const region = page.locator('#notice');
  await region.evaluate((element) => element.setAttribute('data-there', ''));
  const hears = async (text: string) => {
    await soon(() => region.textContent()).toContain(text);
    // The region was there before: what is put into it is read out.
    expect(await region.getAttribute('data-there')).toBe('');
    expect(await region.getAttribute('role')).toBe('status');
  };
  await step('additions and changes', async () => {
    await write(page, '들리는 글');
    await hears('저장했습니다.');
    await cardButton(page, '들리는', '고정').click();
    await hears('메모를 고정했습니다.');
    await openEditor(page, '들리는');
    await editor(page).fill('고친 글');
    await saver(editor(page)).click();
    await hears('저장했습니다.');
  });
  await step('deletions', async () => {
    await cardButton(page, '고친', '삭제').click();
    await hears('메모를 삭제했습니다.');
    await button(page, '되돌리기').click();
    await hears('메모를 되돌렸습니다.');
  });
  await step('errors', async () => {
    await world.redis.del(...(await world.redis.keys('session:*')));
    await cardButton(page, '고친', '삭제').click();
    await hears('로그인이 필요합니다');
    await page.getByRole('alert').waitFor();
  });
});

test('less motion, forced colours and paper are honoured', async () => {
  const { page } = await comeIn('under /memo', { colorScheme: 'dark', reducedMotion: 'reduce' });
  await write(page, '- [x] 종이에 있을 글');
  await soon(async () => (await memosOn(page)).length).toBe(1);
  const moving = await page.evaluate(
    () =>
      [...document.querySelectorAll('*')].filter((it) => {
        const { transitionDuration, animationName } = getComputedStyle(it);
        return transitionDuration !== '0s' || animationName !== 'none';
      }).length,
  );
  expect(moving).toBe(0);

  await page.emulateMedia({ forcedColors: 'active' });
  const box = await page.getByRole('checkbox').evaluate((it) => {
    const { borderTopStyle, borderTopWidth } = getComputedStyle(it, '::before');
    return [borderTopStyle, borderTopWidth];
  });
  expect(box).toEqual(['solid', '2px']);

  await page.emulateMedia({ media: 'print', forcedColors: 'none' });
  const printed = await page.locator('body').innerText();
  expect(printed).toContain('종이에 있을 글');
  for (const word of ['저장', '삭제', '수정', '복사', '로그아웃', '휴지통', 'English', '단축키']) {
    expect(printed).not.toContain(word);
  }
  const colours = await page.evaluate(() => {
    const { color } = getComputedStyle(document.querySelector('.text')!);
    return [color, getComputedStyle(document.body).backgroundColor];
  });
  expect(colours).toEqual(['rgb(0, 0, 0)', 'rgb(255, 255, 255)']);
});
