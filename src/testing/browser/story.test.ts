/** The product's story, in a real browser, from the invitation to the logout. */
import type { Route } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import {
  AWAY,
  button,
  CONTROLS,
  cardButton,
  cardOf,
  comeIn,
  composer,
  editor,
  isFocused,
  link,
  logIn,
  memosOn,
  openBrowser,
  openEditor,
  pinned,
  saver,
  seesInvitation,
  sendByProgram,
  soon,
  startWorld,
  tabTo,
  useBrowser,
  write,
} from '../world.ts';

useBrowser();

const TWICE = '두 번 눌러 저장한 메모';
const AGAIN = '답을 못 받아 다시 저장한 메모';
const EDITED = '고쳐 쓴 메모';
const THEIRS = '다른 화면에서 고친 글';
const MINE = '이 화면에서 고친 글';
const NEWEST = '가장 새 메모';
const LATE = '로그인이 끝난 줄 모르고 쓴 글';
const FIRST = `장보기 🥕 두부  두 모,
	대파 <b>한 단</b>
</textarea><script>alert(1)</script>

"따옴표" & &amp; 끝`;

describe.each([
  {
    browsing: 'with JavaScript',
    javaScriptEnabled: true,
    place: 'behind a proxy that strips /memo',
  },
  { browsing: 'without JavaScript', javaScriptEnabled: false, place: 'under /memo' },
] as const)('in a browser $browsing', ({ javaScriptEnabled, place }) => {
  test(`somebody writes, finds again and keeps everything, ${place}`, {
    timeout: 90_000,
  }, async () => {
    const world = await startWorld(place);
    const { context, page, step, forgive } = await openBrowser(world, { javaScriptEnabled });

    await step('an invitation greets whoever comes', async () => {
      await page.goto(world.page);
      await seesInvitation(page);
    });

    await step('Naver asks who it is', async () => {
      await link(page, '네이버 로그인').click();
      await button(page, '동의하고 로그인').waitFor();
    });

    await step('and the page knows the name', async () => {
      await logIn(page);
      await page.getByText('김메모', { exact: true }).waitFor();
      expect(await page.title()).toContain('김메모');
    });

    await step('a memo is shown exactly as it was typed', async () => {
      await write(page, FIRST);
      await soon(() => memosOn(page)).toEqual([FIRST]);
    });

    await step('and is there once after a reload', async () => {
      await page.reload();
      expect(await memosOn(page)).toEqual([FIRST]);
      expect(await world.texts()).toEqual([FIRST]);
    });

    await step('a double click saves once', async () => {
      await composer(page).fill(TWICE);
      await saver(composer(page)).dblclick();
      await soon(() => memosOn(page)).toEqual([TWICE, FIRST]);
      expect(await world.texts()).toEqual([TWICE, FIRST]);
    });

    await step(
      'pressing once more, when the answer does not come, saves nothing more',
      async () => {
        const sent: Route[] = [];
        await page.route(`${world.page}memo`, (route) => void sent.push(route));
        await composer(page).fill(AGAIN);
        await saver(composer(page)).click({ noWaitAfter: true });
        await soon(() => sent.length).toBe(1);
        // It reaches the server; the answer does not reach the page.
        const [form] = sent as [Route];
        const headers = { ...form.request().headers(), 'sec-fetch-site': 'same-origin' };
        await form.fetch({ headers, maxRedirects: 0 });
        expect(await world.texts()).toEqual([AGAIN, TWICE, FIRST]);
        await page.keyboard.press('Enter'); // the button still has the focus
        if (javaScriptEnabled) {
          // One at a time: it is sent again by itself when the first has failed.
          forgive(/net::ERR_FAILED|htmx:error/);
          await form.abort();
          await page.getByText('아직 저장하지 못했습니다.').waitFor();
        }
        await soon(() => sent.length).toBe(2);
        await form.abort().catch(() => {}); // the second press has overtaken it
        await sent[1]!.continue();
        await soon(() => memosOn(page)).toEqual([AGAIN, TWICE, FIRST]);
        expect(await world.texts()).toEqual([AGAIN, TWICE, FIRST]);
        // Not while anything is on its way: Chromium then never sends the request, nor fails it.
        await page.waitForLoadState();
        await page.unroute(`${world.page}memo`);
      },
    );

    await step(
      'after a restart of everything, nobody is logged out and nothing is lost',
      async () => {
        const before = await world.stored();
        // The stream of events may be asked for while the server is away.
        forgive(AWAY);
        await world.restart();
        await page.reload();
        await page.getByText('김메모', { exact: true }).waitFor();
        expect(await memosOn(page)).toEqual([AGAIN, TWICE, FIRST]);
        expect(await world.stored()).toEqual(before);
      },
    );

    await step('a memo opens for editing with its text', async () => {
      await openEditor(page, FIRST);
      expect(await editor(page).inputValue()).toBe(FIRST);
    });

    await step('editing without a change changes nothing', async () => {
      const before = await world.stored();
      await saver(editor(page)).click();
      await soon(() => memosOn(page)).toEqual([AGAIN, TWICE, FIRST]);
      expect(await world.stored()).toEqual(before);
    });

    await step('an edited memo shows its new text, and that it was edited', async () => {
      await openEditor(page, TWICE);
      await editor(page).fill(EDITED);
      await saver(editor(page)).click();
      await soon(() => memosOn(page)).toEqual([AGAIN, EDITED, FIRST]);
      await cardOf(page, EDITED).getByText('수정:').waitFor();
      expect(await cardOf(page, FIRST).getByText('수정:').count()).toBe(0);
      expect(await world.texts()).toEqual([AGAIN, EDITED, FIRST]);
    });

    await step('two pages edit the same memo, and the later one is shown both texts', async () => {
      await openEditor(page, EDITED);
      const other = await context.newPage();
      await other.goto(world.page);
      await openEditor(other, EDITED);
      await editor(other).fill(THEIRS);
      await saver(editor(other)).click();
      await soon(() => memosOn(other)).toEqual([AGAIN, THEIRS, FIRST]);
      await other.close();

      await editor(page).fill(MINE);
      await saver(editor(page)).click();
      await page.getByRole('region', { name: '지금 저장되어 있는 글' }).getByText(THEIRS).waitFor();
      expect(await editor(page).inputValue()).toBe(MINE);
      expect(await world.texts()).toEqual([AGAIN, THEIRS, FIRST]);
    });

    await step('who then saves theirs anyway has meant it', async () => {
      await button(page, '내 글로 저장').click();
      await soon(() => memosOn(page)).toEqual([AGAIN, MINE, FIRST]);
      expect(await world.texts()).toEqual([AGAIN, MINE, FIRST]);
    });

    await step('a pinned memo stands above the newer ones', async () => {
      await write(page, NEWEST);
      await soon(() => memosOn(page)).toEqual([NEWEST, AGAIN, MINE, FIRST]);
      await cardButton(page, FIRST, '고정').click();
      await soon(() => memosOn(pinned(page))).toEqual([FIRST]);
      expect(await memosOn(page)).toEqual([FIRST, NEWEST, AGAIN, MINE]);
      const [oldest] = await world.stored();
      expect(JSON.parse(oldest!)).toMatchObject({ text: FIRST, pin: true });
    });

    await step('and goes back to its place', async () => {
      await cardButton(page, FIRST, '고정 해제').click();
      await soon(() => memosOn(page)).toEqual([NEWEST, AGAIN, MINE, FIRST]);
      expect(await pinned(page).count()).toBe(0);
      expect((await world.stored()).join()).not.toContain('"pin"');
    });

    const beforeDeletion = await world.stored();
    await step('a deleted memo is gone, and it is said how to get it back', async () => {
      await cardButton(page, MINE, '삭제').click();
      await page.getByRole('status').getByText('메모를 삭제했습니다.').waitFor();
      await soon(() => memosOn(page)).toEqual([NEWEST, AGAIN, FIRST]);
      expect(await world.texts()).toEqual([NEWEST, AGAIN, FIRST]);
    });

    await step('it comes back to its old place', async () => {
      await button(page, '되돌리기').click();
      await soon(() => memosOn(page)).toEqual([NEWEST, AGAIN, MINE, FIRST]);
      expect(await world.stored()).toEqual(beforeDeletion);
    });

    await step('of very many memos, each can be reached, once', async () => {
      await sendByProgram(world, context, 60);
      await world.push(...Array.from({ length: 60 }, (_, i) => `넣은 ${i}`));
      await page.goto(world.page);
      const older = link(page, '이전 메모 더 보기');
      if (javaScriptEnabled) {
        // They come as one scrolls down, below those that are there.
        await soon(async () => {
          await older.scrollIntoViewIfNeeded({ timeout: 100 }).catch(() => {});
          return (await memosOn(page)).length;
        }).toBe(124);
      }
      const found = await memosOn(page);
      while (await older.count()) {
        const newer = await memosOn(page);
        await older.click();
        await soon(() => memosOn(page)).not.toEqual(newer);
        await page.waitForLoadState();
        found.push(...(await memosOn(page)));
      }
      expect(found).toHaveLength(124);
      expect(found).toEqual(await world.texts());
      expect(new Set(found).size).toBe(124);
    });

    await step('the newest ones are a link away', async () => {
      await link(page, javaScriptEnabled ? '메모' : '최신 메모로').click();
      await composer(page).waitFor();
      expect((await memosOn(page))[0]).toBe('넣은 59');
    });

    await step('when the login has expired, the text that was typed is still there', async () => {
      await composer(page).fill(LATE);
      await world.redis.del(...(await world.redis.keys('session:*')));
      await saver(composer(page)).click();
      await link(page, javaScriptEnabled ? '네이버 로그인' : '새 탭에서 네이버 로그인').waitFor();
      const field = javaScriptEnabled ? composer(page) : editor(page);
      expect(await field.inputValue()).toBe(LATE);
      expect(await world.texts()).not.toContain(LATE);
    });

    await step('and after logging in again it is saved, once', async () => {
      if (javaScriptEnabled) {
        await link(page, '네이버 로그인').click();
        await logIn(page);
        await soon(() => composer(page).inputValue()).toBe(LATE);
        await saver(composer(page)).click();
      } else {
        const opened = context.waitForEvent('page');
        await link(page, '새 탭에서 네이버 로그인').click();
        const tab = await opened;
        await logIn(tab);
        await tab.getByText('김메모', { exact: true }).waitFor();
        await tab.close();
        await button(page, '다시 저장').click();
      }
      await soon(async () => (await memosOn(page))[0]).toBe(LATE);
      const texts = await world.texts();
      expect(texts).toHaveLength(125);
      expect(texts.filter((text) => text === LATE)).toHaveLength(1);
    });

    const [last] = (await world.stored()).slice(-1);
    await step('after the logout there is the invitation', async () => {
      await button(page, '로그아웃').click();
      await seesInvitation(page);
      expect(await context.cookies()).toEqual([]);
      expect(await world.redis.keys('session:*')).toEqual([]);
    });

    const addresses = ['', `?edit=${JSON.parse(last!).id}`, `memo/${JSON.parse(last!).id}`];
    await step('and no way back to the memos', async () => {
      await page.goBack();
      await seesInvitation(page);
      expect(await page.content()).not.toContain(LATE);
      for (const address of addresses) {
        await page.goto(world.page + address);
        await seesInvitation(page);
        expect(await page.content()).not.toContain(LATE);
      }
    });
  });

  test('searches, ticks a task, looks into the trash, and chooses language and theme', async () => {
    const { world, page, step } = await comeIn('under /memo', { javaScriptEnabled });
    const field = page.getByRole('searchbox', { name: '메모 검색' });

    await step('finds a memo by its initials', async () => {
      await world.push('회의 준비', '오늘 장보기 #주말\n- [ ] 우유\n- [x] 달걀');
      await page.goto(world.page);
      await field.fill('ㅈㅂㄱ');
      await field.press('Enter');
      await soon(() => page.locator('mark').allInnerTexts()).toEqual(['장보기']);
      expect(await page.getByRole('article').count()).toBe(1);
    });
    await step('and by a tag in it', async () => {
      await link(page, '#주말').click();
      await soon(() => page.locator('mark').allInnerTexts()).toEqual(['#주말']);
    });
    await step('ticks a task, and it stays ticked', async () => {
      await page.getByRole('checkbox', { name: '우유' }).click();
      await page.getByRole('checkbox', { name: '우유', checked: true }).waitFor();
      expect((await world.texts())[0]).toBe('오늘 장보기 #주말\n- [x] 우유\n- [x] 달걀');
    });
    await step('brings a deleted memo back from the trash', async () => {
      const before = await world.texts();
      await page.goto(world.page);
      await cardButton(page, '회의 준비', '삭제').click();
      await button(page, '되돌리기').waitFor();
      expect(await world.texts()).toHaveLength(1);
      await link(page, '휴지통').click();
      await cardButton(page, '회의 준비', '복원').click();
      await composer(page).waitFor();
      await cardOf(page, '회의 준비').waitFor();
      expect(await world.texts()).toEqual(before);
    });
    await step('reads English in the dark, and that is kept', async () => {
      await button(page, 'English').click();
      await button(page, 'Dark').click();
      await page.locator('html[lang=en][data-theme=dark]').waitFor({ state: 'attached' });
      await page.waitForLoadState();
      await page.reload();
      const html = page.locator('html');
      expect([await html.getAttribute('lang'), await html.getAttribute('data-theme')]).toEqual([
        'en',
        'dark',
      ]);
      const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      expect(paper).toBe('rgb(25, 24, 22)');
    });
  });
});

describe('whoever goes back', () => {
  // The browser fetches the page anew, with a new key, and puts the old text into its form.
  test('and sends the same form again, without JavaScript, saves nothing more', async () => {
    const { world, page } = await comeIn('at the root of a host', {
      javaScriptEnabled: false,
    });
    await write(page, FIRST);
    await soon(() => memosOn(page)).toEqual([FIRST]);
    await page.goBack();
    // A form that comes back empty has nothing to send.
    if (await composer(page).inputValue()) {
      const answered = page.waitForResponse((response) => response.request().method() === 'POST');
      await saver(composer(page)).click();
      await answered;
    }
    expect(await world.texts()).toEqual([FIRST]);
  });
});

describe('whoever comes by keyboard', () => {
  test('writes, edits, deletes and gets it back', async () => {
    const world = await startWorld('under /memo');
    const { page, step } = await openBrowser(world);
    const { keyboard } = page;

    await step('logs in', async () => {
      await page.goto(world.page);
      await tabTo(link(page, '네이버 로그인'));
      await keyboard.press('Enter');
      await button(page, '동의하고 로그인').waitFor();
      await tabTo(button(page, '동의하고 로그인'));
      await keyboard.press('Enter');
      await composer(page).waitFor();
    });

    await step('begins to write at once, and saves', async () => {
      await soon(() => isFocused(composer(page))).toBe(true);
      await keyboard.insertText('자판으로 쓴 메모');
      await keyboard.press('Enter');
      await keyboard.insertText('둘째 줄');
      await tabTo(saver(composer(page)));
      await keyboard.press('Enter');
      await soon(() => memosOn(page)).toEqual(['자판으로 쓴 메모\n둘째 줄']);
    });

    await step('edits', async () => {
      await tabTo(cardOf(page, '자판').getByRole('link', { name: '수정' }));
      await keyboard.press('Enter');
      await soon(() => isFocused(editor(page))).toBe(true);
      await keyboard.press('ControlOrMeta+a');
      await keyboard.insertText('자판으로 고친 메모');
      await tabTo(saver(editor(page)));
      await keyboard.press('Space');
      await soon(() => memosOn(page)).toEqual(['자판으로 고친 메모']);
    });

    await step('deletes, and has the way back under the next key', async () => {
      await tabTo(cardButton(page, '자판', '삭제'));
      await keyboard.press('Enter');
      await soon(() => isFocused(button(page, '되돌리기'))).toBe(true);
      expect(await world.texts()).toEqual([]);
      await keyboard.press('Enter');
      await soon(() => memosOn(page)).toEqual(['자판으로 고친 메모']);
      expect(await world.texts()).toEqual(['자판으로 고친 메모']);
    });

    await step('skips what stands above the memos', async () => {
      await page.goto(world.page);
      await tabTo(link(page, '본문으로 건너뛰기'));
      expect(await link(page, '본문으로 건너뛰기').boundingBox()).toMatchObject({ y: 0 });
      await keyboard.press('Enter');
      await keyboard.press('Tab');
      expect(await isFocused(composer(page))).toBe(true);
    });
  });

  test('reaches all that can be seen, and sees where they are', async () => {
    const { world, page } = await comeIn('at the root of a host');
    await world.push('하나', '둘', '셋');
    await page.goto(world.page);
    const visible = await page.evaluate((controls) => {
      const elements = [...document.querySelectorAll(controls)];
      return elements.flatMap((element, index) => {
        const { top, bottom, height } = element.getBoundingClientRect();
        return height > 0 && bottom > 0 && top < innerHeight ? [index] : [];
      });
    }, CONTROLS);
    // Two in the bar, two to search, two to write, four at each memo, the trash and the sessions.
    expect(visible.length).toBe(6 + 3 * 4 + 2);

    const reached = new Set<number>();
    const unmarked: string[] = [];
    // Once around: the settings at the foot come in between.
    for (let presses = 0; presses < visible.length + 12; presses++) {
      await page.keyboard.press('Tab');
      const { index, marked, name } = await page.evaluate((controls) => {
        const focused = document.activeElement!;
        const isOutlined = (it: Element) => getComputedStyle(it).outlineStyle !== 'none';
        const around = focused instanceof HTMLTextAreaElement ? focused.form! : focused;
        return {
          index: [...document.querySelectorAll(controls)].indexOf(focused),
          marked: isOutlined(focused) || isOutlined(around),
          name: focused.outerHTML,
        };
      }, CONTROLS);
      if (index < 0) continue; // between the last and the first, it is the browser's turn
      reached.add(index);
      if (!marked) unmarked.push(name);
    }
    expect(visible.filter((index) => !reached.has(index))).toEqual([]);
    expect(unmarked).toEqual([]);
  });
});

describe('on a phone', () => {
  const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
  const LONG = '가나다라마바사아자차abcdefghij'.repeat(1000);

  test('the longest word and the longest name stay within the screen', async () => {
    const name = '김수한무거북이와두루미'.repeat(9);
    const { world, page, context, step, answer } = await comeIn('under /memo', PHONE, name);
    const fits = async () => {
      const { scrollWidth, left } = await page.evaluate(() => {
        scrollTo(1000, 0);
        return { scrollWidth: document.documentElement.scrollWidth, left: scrollX };
      });
      expect({ scrollWidth, left }).toEqual({ scrollWidth: 360, left: 0 });
    };

    await step('among the memos', async () => {
      await write(page, LONG);
      await soon(() => memosOn(page)).toEqual([LONG]);
      await fits();
      expect(await world.texts()).toEqual([LONG]);
    });
    await step('pinned', async () => {
      await cardButton(page, LONG.slice(0, 9), '고정').click();
      await pinned(page).waitFor();
      await fits();
    });
    await step('while it is edited', async () => {
      await openEditor(page, LONG.slice(0, 9));
      await fits();
    });
    await step('beside the text of somebody else', async () => {
      await editor(page).fill(LONG.replace('가', '나'));
      const other = await context.newPage();
      await other.goto(page.url());
      await editor(other).fill(LONG.replace('가', '다'));
      await saver(editor(other)).click();
      await soon(async () => (await memosOn(other))[0]?.[0]).toBe('다');
      await other.close();
      await saver(editor(page)).click();
      await button(page, '내 글로 저장').waitFor();
      await fits();
    });
    await step('and on the invitation', async () => {
      await page.goto(world.page);
      answer(/저장하지 않은 글이 있습니다/, true);
      await button(page, '로그아웃').click();
      await seesInvitation(page);
      await fits();
    });
  });
});

describe('who reads English', () => {
  test('is spoken to in English', async () => {
    const world = await startWorld('at the root of a host');
    const { page, step } = await openBrowser(world, { locale: 'en-US' });
    const language = () => page.locator('html').getAttribute('lang');

    await step('on the invitation', async () => {
      await page.goto(world.page);
      await page
        .getByRole('heading', { name: 'Write it down, find it again on any device.' })
        .waitFor();
      expect(await language()).toBe('en');
    });
    await step('among the memos', async () => {
      await link(page, 'Log in with Naver').click();
      await logIn(page, '박하늘');
      await page.getByRole('textbox', { name: 'New memo' }).fill('What I wrote');
      await button(page, 'Save').click();
      await soon(() => memosOn(page)).toEqual(['What I wrote']);
      expect(await page.title()).toContain('박하늘’s memos');
      expect(await language()).toBe('en');
    });
    await step('and no Korean is left on the page but the name, and the way to it', async () => {
      const text = await page.locator('body').innerText();
      expect(text.replaceAll('박하늘', '').replace('한국어', '')).not.toMatch(/\p{Script=Hangul}/u);
    });
    await step('when something does not work', async () => {
      await button(page, 'Delete').click();
      await page.getByRole('status').getByText('Memo deleted.').waitFor();
      await button(page, 'Undo').click();
      await soon(() => memosOn(page)).toEqual(['What I wrote']);
      await link(page, 'Edit').click();
      await page.locator('.editor').waitFor();
      await world.redis.del(...(await world.redis.keys('session:*')));
      await page.locator('.editor').getByRole('button', { name: 'Save' }).click();
      await page.getByRole('alert').getByText('You are not logged in').waitFor();
      await link(page, 'Log in with Naver').waitFor();
      expect(await language()).toBe('en');
    });
  });
});
