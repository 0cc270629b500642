/** Nothing that is typed gets lost, whatever breaks. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import {
  button,
  cardButton,
  cardOf,
  comeIn,
  composer,
  editor,
  link,
  logIn,
  memosOn,
  openEditor,
  saver,
  soon,
  useBrowser,
  write,
} from '../world.ts';

useBrowser();

/** What this browser keeps of whatever has not been saved. */
const drafts = (page: Page) =>
  page.evaluate(() =>
    Object.entries(localStorage)
      .filter(([name]) => name.startsWith('memo:'))
      .map(([, draft]) => JSON.parse(draft).text as string),
  );
const isKept = (page: Page, text: string) => soon(() => drafts(page)).toContain(text);

/** From now on, the page's script does not come, until what is returned is called. */
async function holdScript(page: Page): Promise<() => void> {
  let release!: () => void;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(/\/assets\/app\./, async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

describe('what is being typed', () => {
  test('is there again after a reload, a crash, another page and a search, and gone once saved', async () => {
    const { world, page, context, step } = await comeIn('under /memo');
    await write(page, '저장한 메모');
    await soon(() => memosOn(page)).toEqual(['저장한 메모']);

    await step('a new memo, after a reload', async () => {
      await composer(page).fill('쓰다 만 글');
      await isKept(page, '쓰다 만 글');
      await page.reload();
      expect(await composer(page).inputValue()).toBe('쓰다 만 글');
    });
    await step('without a pause before leaving', async () => {
      await composer(page).pressSequentially(' 더');
      await page.reload();
      expect(await composer(page).inputValue()).toBe('쓰다 만 글 더');
    });
    await step('after the trash and a search', async () => {
      await link(page, '휴지통').click();
      await page.getByRole('heading', { name: '휴지통' }).waitFor();
      await link(page, '메모로 돌아가기').click();
      await soon(() => composer(page).inputValue()).toBe('쓰다 만 글 더');
      const field = page.getByRole('searchbox');
      await field.fill('저장');
      await page.locator('mark').waitFor();
      await field.fill('');
      await soon(() => composer(page).inputValue()).toBe('쓰다 만 글 더');
    });
    await step('an edit, after a reload with its editor open', async () => {
      await openEditor(page, '저장한 메모');
      await editor(page).fill('고치다 만 글');
      await isKept(page, '고치다 만 글');
      await page.reload();
      expect(await editor(page).inputValue()).toBe('고치다 만 글');
      expect(await composer(page).inputValue()).toBe('쓰다 만 글 더');
    });
    await step('after the browser has died, the edit is offered', async () => {
      await page.close({ runBeforeUnload: false });
      const again = await context.newPage();
      await again.goto(world.page);
      expect(await composer(again).inputValue()).toBe('쓰다 만 글 더');
      await again.getByText('저장하지 않은 수정이 있습니다.').waitFor();
      await again.getByRole('status').getByRole('link', { name: '이어서 수정' }).click();
      await soon(() => editor(again).inputValue()).toBe('고치다 만 글');
      await saver(editor(again)).click();
      await soon(() => memosOn(again)).toEqual(['고치다 만 글']);
      await saver(composer(again)).click();
      await soon(() => memosOn(again)).toEqual(['쓰다 만 글 더', '고치다 만 글']);
      expect(await drafts(again)).toEqual([]);
      expect(await world.texts()).toEqual(['쓰다 만 글 더', '고치다 만 글']);
    });
  });

  test('goes on below a save that is under way, and becomes the next memo', async () => {
    const { world, page } = await comeIn('at the root of a host');
    let pass = () => {};
    const held = new Promise<void>((resolve) => {
      pass = resolve;
    });
    await page.route(`${world.page}memo`, async (route) => {
      await held;
      await route.continue();
    });
    await composer(page).fill('첫째');
    await page.keyboard.press('Control+Enter');
    await composer(page).pressSequentially(' 둘째의 시작');
    pass();
    await soon(() => memosOn(page)).toEqual(['첫째']);
    await soon(() => composer(page).inputValue()).toBe('둘째의 시작');
    await isKept(page, '둘째의 시작');
    await page.keyboard.press('Control+Enter');
    await soon(() => world.texts()).toEqual(['둘째의 시작', '첫째']);
    await soon(() => drafts(page)).toEqual([]);
  });

  test('is saved after that, too, when it was to be', async () => {
    const { world, page } = await comeIn('under /memo');
    let pass = () => {};
    const held = new Promise<void>((resolve) => {
      pass = resolve;
    });
    await page.route(`${world.page}memo`, async (route) => {
      await held;
      await route.continue();
    });
    await composer(page).fill('첫째');
    await saver(composer(page)).dblclick(); // once is meant
    await composer(page).fill('둘째');
    await page.keyboard.press('Control+Enter');
    pass();
    await soon(() => memosOn(page)).toEqual(['둘째', '첫째']);
    expect(await world.texts()).toEqual(['둘째', '첫째']);
    expect(await composer(page).inputValue()).toBe('');
    expect(await drafts(page)).toEqual([]);
  });

  test('in two tabs is lost in neither, nor saved twice', async () => {
    const { world, page, context } = await comeIn('under /memo');
    const other = await context.newPage();
    await other.goto(world.page);
    await composer(page).fill('한 탭의 글');
    await composer(other).fill('다른 탭의 글');
    await isKept(page, '한 탭의 글');
    await isKept(page, '다른 탭의 글');
    await page.close();
    await other.close();

    const third = await context.newPage();
    await third.goto(world.page);
    const fourth = await context.newPage();
    await fourth.goto(world.page);
    // Both show the same one, and each saves it: it is one memo.
    const shown = await composer(third).inputValue();
    expect(['한 탭의 글', '다른 탭의 글']).toContain(shown);
    expect(await composer(fourth).inputValue()).toBe(shown);
    await saver(composer(third)).click();
    await soon(() => memosOn(third)).toEqual([shown]);
    await soon(() => composer(fourth).inputValue()).toBe('');
    await write(fourth, '또 다른 글');
    await soon(() => world.texts()).toEqual(['또 다른 글', shown]);
    // And the other one is still kept.
    await third.reload();
    await saver(composer(third)).click();
    await soon(async () => (await world.texts()).toSorted()).toEqual(
      ['다른 탭의 글', '또 다른 글', '한 탭의 글'].toSorted(),
    );
    await soon(() => drafts(third)).toEqual([]);
  });

  test('is kept also when it was typed before the script came', async () => {
    const { world, page, step } = await comeIn('under /memo');
    await step('on a slow network', async () => {
      const release = await holdScript(page);
      await page.goto(world.page, { waitUntil: 'commit' });
      await composer(page).fill('일찍 쓴 글');
      expect(await drafts(page)).toEqual([]);
      release();
      await isKept(page, '일찍 쓴 글');
      await page.reload();
      await soon(() => composer(page).inputValue()).toBe('일찍 쓴 글');
      await saver(composer(page)).click();
      await soon(() => world.texts()).toEqual(['일찍 쓴 글']);
      await soon(() => drafts(page)).toEqual([]);
    });
  });

  test('before the script came does not take the place of an earlier draft', async () => {
    const { world, page, step } = await comeIn('under /memo');
    await write(page, '글');
    await openEditor(page, '글');
    await editor(page).fill('어제 고치던 글');
    await isKept(page, '어제 고치던 글');
    await composer(page).fill('그 앞에 쓰던 글');
    await isKept(page, '그 앞에 쓰던 글');
    await step('on a slow network', async () => {
      const release = await holdScript(page);
      const [{ id }] = (await world.stored()).map((memo) => JSON.parse(memo)) as [{ id: number }];
      await page.goto(`${world.page}?edit=${id}`, { waitUntil: 'commit' });
      await editor(page).fill('일찍 고친 글');
      release();
      await isKept(page, '일찍 고친 글');
      expect((await drafts(page)).toSorted()).toEqual(
        ['그 앞에 쓰던 글', '어제 고치던 글', '일찍 고친 글'].toSorted(),
      );
    });
    await step('it is the beginning of a new memo', async () => {
      await page.goto(world.page);
      await soon(() => composer(page).inputValue()).toBe('어제 고치던 글');
    });
  });

  test('is asked about at the logout also where the browser keeps nothing', async () => {
    const { page, step, answer } = await comeIn('under /memo');
    await page.addInitScript(() => {
      Storage.prototype.setItem = () => {
        throw new Error('no room');
      };
    });
    await page.reload();
    await composer(page).fill('나만 볼 글');
    await step('staying logged in keeps it', async () => {
      answer(/저장하지 않은 글이 있습니다/, false);
      await button(page, '로그아웃').click();
      expect(await composer(page).inputValue()).toBe('나만 볼 글');
    });
    await step('going takes it away', async () => {
      answer(/저장하지 않은 글이 있습니다/, true);
      await button(page, '로그아웃').click();
      await link(page, '네이버 로그인').waitFor();
    });
  });

  test('is nobody else’s, and is asked about at the logout', async () => {
    const { page, step, answer } = await comeIn('under /memo');
    await step('staying logged in keeps it', async () => {
      await composer(page).fill('나만 볼 글');
      await isKept(page, '나만 볼 글');
      answer(/저장하지 않은 글이 있습니다/, false);
      await button(page, '로그아웃').click();
      expect(await composer(page).inputValue()).toBe('나만 볼 글');
    });
    await step('somebody else at this browser does not see it', async () => {
      // Not by the logout: the session has ended elsewhere.
      await page.context().clearCookies({ name: 'userId' });
      await page.goto(page.url());
      await link(page, '네이버 로그인').click();
      await button(page, '동의하고 로그인').waitFor();
      await page.getByLabel('다른 이름').fill('이메모');
      await button(page, '동의하고 로그인').click();
      await composer(page).waitFor();
      expect(await composer(page).inputValue()).toBe('');
      await button(page, '로그아웃').click();
      await link(page, '네이버 로그인').waitFor();
    });
    await step('its writer does, and logging out for good takes it away', async () => {
      await link(page, '네이버 로그인').click();
      await logIn(page);
      await soon(() => composer(page).inputValue()).toBe('나만 볼 글');
      answer(/저장하지 않은 글이 있습니다/, true);
      await button(page, '로그아웃').click();
      await link(page, '네이버 로그인').waitFor();
      expect(await drafts(page)).toEqual([]);
    });
  });

  test('is asked about when logging out everywhere, too', async () => {
    const { page, step, answer } = await comeIn('under /memo');
    await composer(page).fill('나만 볼 글');
    await isKept(page, '나만 볼 글');
    await link(page, '로그인한 기기').click();
    await page.getByRole('heading', { name: '로그인한 기기' }).waitFor();
    await step('staying logged in keeps it', async () => {
      answer(/저장하지 않은 글이 있습니다/, false);
      await button(page, '모든 기기에서 로그아웃').click();
      expect(await drafts(page)).toEqual(['나만 볼 글']);
      await page.reload();
      await page.getByRole('heading', { name: '로그인한 기기' }).waitFor();
    });
    await step('going takes it away', async () => {
      answer(/저장하지 않은 글이 있습니다/, true);
      await button(page, '모든 기기에서 로그아웃').click();
      await link(page, '네이버 로그인').waitFor();
      expect(await drafts(page)).toEqual([]);
    });
  });
});

describe('a save that fails', () => {
  test('is made up for when the network is back, once', async () => {
    const { world, page, context, forgive, step } = await comeIn('under /memo');
    forgive(/ERR_INTERNET_DISCONNECTED|ERR_FAILED|htmx:error|status of 502/);
    await step('the page says that it is not saved, and keeps the text', async () => {
      await context.setOffline(true);
      await composer(page).fill('지하철에서 쓴 글');
      await page.keyboard.press('Control+Enter');
      await page.getByText('아직 저장하지 못했습니다.').waitFor();
      expect(await composer(page).inputValue()).toBe('지하철에서 쓴 글');
      expect(await drafts(page)).toEqual(['지하철에서 쓴 글']);
    });
    await step('and saves it by itself', async () => {
      await context.setOffline(false);
      await soon(() => memosOn(page)).toEqual(['지하철에서 쓴 글']);
      expect(await composer(page).inputValue()).toBe('');
      expect(await page.getByText('아직 저장하지 못했습니다.').count()).toBe(0);
      expect(await world.texts()).toEqual(['지하철에서 쓴 글']);
    });
    await step('also when only the answer was lost', async () => {
      let lost = 0;
      await page.route(`${world.page}memo`, async (route) => {
        if (lost++ > 0) return route.continue();
        await route.fetch({
          headers: { ...route.request().headers(), 'sec-fetch-site': 'same-origin' },
        });
        await route.abort();
      });
      await composer(page).fill('답이 오지 않은 글');
      await page.keyboard.press('Control+Enter');
      await page.getByText('아직 저장하지 못했습니다.').waitFor();
      expect(await world.texts()).toEqual(['답이 오지 않은 글', '지하철에서 쓴 글']);
      await soon(() => composer(page).inputValue()).toBe('');
      await soon(() => memosOn(page)).toEqual(['답이 오지 않은 글', '지하철에서 쓴 글']);
      expect(await world.texts()).toEqual(['답이 오지 않은 글', '지하철에서 쓴 글']);
      await page.unroute(`${world.page}memo`);
    });
    await step('and a proxy’s own page never takes the place of ours', async () => {
      let failed = false;
      await page.route(/\/memo\/memo/, (route) => {
        if (failed) return route.continue();
        failed = true;
        const body = '<html><body><h1>502 Bad Gateway</h1></body></html>';
        return route.fulfill({ status: 502, contentType: 'text/html', body });
      });
      await openEditor(page, '지하철');
      await editor(page).fill('지하철에서 고친 글');
      await page.keyboard.press('Control+Enter');
      await page.getByText('아직 저장하지 못했습니다.').waitFor();
      expect(await page.getByText('502 Bad Gateway').count()).toBe(0);
      expect(await editor(page).inputValue()).toBe('지하철에서 고친 글');
      await soon(() => memosOn(page)).toEqual(['답이 오지 않은 글', '지하철에서 고친 글']);
      expect(await world.texts()).toEqual(['답이 오지 않은 글', '지하철에서 고친 글']);
      expect(await drafts(page)).toEqual([]);
    });
  });

  test('because Redis is away is made up for when it is back', async () => {
    const { world, page, forgive } = await comeIn('at the root of a host');
    forgive(/status of 503/);
    await world.redis.call('CLIENT', 'PAUSE', '2500', 'WRITE');
    await composer(page).fill('Redis가 멈춘 동안 쓴 글');
    await page.keyboard.press('Control+Enter');
    await page.getByText('아직 저장하지 못했습니다.').waitFor();
    expect(await composer(page).inputValue()).toBe('Redis가 멈춘 동안 쓴 글');
    await soon(() => memosOn(page)).toEqual(['Redis가 멈춘 동안 쓴 글']);
    expect(await world.texts()).toEqual(['Redis가 멈춘 동안 쓴 글']);
    await soon(() => drafts(page)).toEqual([]);
  });

  test('because the login has expired: the text stays, and is back after logging in', async () => {
    const { world, page, step } = await comeIn('under /memo');
    const expire = async () => world.redis.del(...(await world.redis.keys('session:*')));
    await write(page, '고칠 메모');
    await soon(() => memosOn(page)).toEqual(['고칠 메모']);

    await step('a new memo', async () => {
      await composer(page).fill('로그인이 끝난 줄 모르고 쓴 글');
      await expire();
      await page.keyboard.press('Control+Enter');
      await page.getByRole('alert').getByText('로그인이 필요합니다').waitFor();
      expect(await composer(page).inputValue()).toBe('로그인이 끝난 줄 모르고 쓴 글');
      await link(page, '네이버 로그인').click();
      await logIn(page);
      await soon(() => composer(page).inputValue()).toBe('로그인이 끝난 줄 모르고 쓴 글');
      await saver(composer(page)).click();
      await soon(() => memosOn(page)).toEqual(['로그인이 끝난 줄 모르고 쓴 글', '고칠 메모']);
    });
    await step('an edit, which is open again', async () => {
      await openEditor(page, '고칠 메모');
      await editor(page).fill('로그인이 끝난 줄 모르고 고친 글');
      await expire();
      await page.keyboard.press('Control+Enter');
      await page.getByRole('alert').getByText('로그인이 필요합니다').waitFor();
      await link(page, '네이버 로그인').click();
      await logIn(page);
      await soon(() => editor(page).inputValue()).toBe('로그인이 끝난 줄 모르고 고친 글');
      await saver(editor(page)).click();
      const saved = ['로그인이 끝난 줄 모르고 쓴 글', '로그인이 끝난 줄 모르고 고친 글'];
      await soon(() => memosOn(page)).toEqual(saved);
      expect(await world.texts()).toEqual(saved);
      expect(await drafts(page)).toEqual([]);
    });
  });

  test('because the memo was deleted elsewhere can become a new one', async () => {
    const { world, page, step, forgive } = await comeIn('under /memo');
    forgive(/status of 404/); // what was deleted is not there
    await write(page, '지워질 메모');
    await soon(() => memosOn(page)).toEqual(['지워질 메모']);
    const [stored] = await world.stored();
    const remove = () =>
      page.evaluate((id) => fetch(`memo/${id}`, { method: 'DELETE' }), JSON.parse(stored!).id);

    await step('while it was being edited', async () => {
      await openEditor(page, '지워질 메모');
      await editor(page).fill('고치던 글');
      await remove();
      await page.keyboard.press('Control+Enter');
      await page.getByRole('heading', { name: '그사이 메모가 삭제되었습니다' }).waitFor();
      expect(await drafts(page)).toEqual(['고치던 글']);
      await button(page, '다시 저장').click();
      await soon(() => memosOn(page)).toEqual(['고치던 글']);
      expect(await composer(page).inputValue()).toBe('');
      expect(await drafts(page)).toEqual([]);
      expect(await world.texts()).toEqual(['고치던 글']);
    });
    await step('or before its draft was opened again', async () => {
      await openEditor(page, '고치던 글');
      await editor(page).fill('더 고치던 글');
      await isKept(page, '더 고치던 글');
      const id = JSON.parse((await world.stored())[0]!).id;
      await page.evaluate((it) => fetch(`memo/${it}`, { method: 'DELETE' }), id);
      await page.goto(world.page);
      await page.getByRole('status').getByRole('link', { name: '이어서 수정' }).click();
      await soon(() => composer(page).inputValue()).toBe('더 고치던 글');
      await page.getByText('쓰던 글은 새 메모에 있습니다').waitFor();
      await saver(composer(page)).click();
      await soon(() => world.texts()).toEqual(['더 고치던 글']);
      await soon(() => drafts(page)).toEqual([]);
    });
  });
});

describe('an edit', () => {
  test('of an old version is one still after a reload: the text of the other device stays', async () => {
    const { world, page } = await comeIn('under /memo');
    await write(page, '처음 글');
    await soon(() => memosOn(page)).toEqual(['처음 글']);
    await openEditor(page, '처음 글');
    await editor(page).fill('여기서 고친 글');
    await isKept(page, '여기서 고친 글');
    const [{ id }] = (await world.stored()).map((memo) => JSON.parse(memo)) as [{ id: number }];
    await page.request.patch(`${world.page}memo/${id}`, {
      headers: { Origin: world.origin },
      data: { text: '저쪽에서 고친 글' },
    });
    await page.reload();
    await soon(() => editor(page).inputValue()).toBe('여기서 고친 글');
    await saver(editor(page)).click();
    await page.getByRole('region', { name: '지금 저장되어 있는 글' }).waitFor();
    expect(await editor(page).inputValue()).toBe('여기서 고친 글');
    expect(await world.texts()).toEqual(['저쪽에서 고친 글']);
  });

  test('takes nothing more while it is saved: what is seen is what was sent', async () => {
    const { world, page } = await comeIn('at the root of a host');
    await write(page, '글');
    await openEditor(page, '글');
    let pass = () => {};
    const held = new Promise<void>((resolve) => {
      pass = resolve;
    });
    await page.route(/\/memo\/\d+$/, async (route) => {
      await held;
      await route.continue();
    });
    await editor(page).fill('고친 글');
    const sent = page.waitForRequest(/\/memo\/\d+$/);
    await page.keyboard.press('Control+Enter');
    await sent;
    await page.keyboard.type(' 그리고 더');
    await page.keyboard.press('Control+Enter');
    expect(await editor(page).inputValue()).toBe('고친 글');
    pass();
    await soon(() => memosOn(page)).toEqual(['고친 글']);
    expect(await world.texts()).toEqual(['고친 글']);
    expect(await drafts(page)).toEqual([]);
  });

  test('is given up by Esc, and asked about when a text would be lost', async () => {
    const { world, page, answer, step } = await comeIn('under /memo');
    await write(page, '그대로 둘 메모');
    await soon(() => memosOn(page)).toEqual(['그대로 둘 메모']);
    await step('at once when nothing was changed', async () => {
      await openEditor(page, '그대로');
      await page.keyboard.press('Escape');
      await soon(() => memosOn(page)).toEqual(['그대로 둘 메모']);
    });
    await step('not when the question is answered with no', async () => {
      await openEditor(page, '그대로');
      await editor(page).fill('고치는 중');
      answer(/버릴까요/, false);
      await page.keyboard.press('Escape');
      expect(await editor(page).inputValue()).toBe('고치는 중');
    });
    await step('with yes, and the draft goes, too', async () => {
      answer(/버릴까요/, true);
      await link(page, '취소').click();
      await soon(() => memosOn(page)).toEqual(['그대로 둘 메모']);
      expect(await drafts(page)).toEqual([]);
      expect(await cardOf(page, '그대로').getByRole('link', { name: '수정' }).count()).toBe(1);
      expect(await world.texts()).toEqual(['그대로 둘 메모']);
    });
    await step('and survives a look at another memo’s editor', async () => {
      await write(page, '둘째 메모');
      await soon(() => memosOn(page)).toEqual(['둘째 메모', '그대로 둘 메모']);
      await openEditor(page, '그대로');
      await editor(page).fill('반쯤 고친 글');
      await cardOf(page, '둘째').getByRole('link', { name: '수정' }).click();
      await soon(() => editor(page).inputValue()).toBe('둘째 메모');
      await cardOf(page, '그대로').getByRole('link', { name: '이어서 수정' }).click();
      await soon(() => editor(page).inputValue()).toBe('반쯤 고친 글');
      await cardButton(page, '둘째', '고정').click();
      await page.getByRole('region', { name: '고정한 메모' }).waitFor();
      expect(await editor(page).inputValue()).toBe('반쯤 고친 글');
      await saver(editor(page)).click();
      await soon(() => world.texts()).toEqual(['둘째 메모', '반쯤 고친 글']);
    });
  });
});
