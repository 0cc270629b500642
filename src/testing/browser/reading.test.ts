/** Reading: what is on the page is what was written, for whoever looks, and for how long. */
import { describe, expect, test } from 'vitest';
import {
  button,
  cardButton,
  cardOf,
  comeIn,
  composer,
  isFocused,
  listens,
  memosOn,
  sendByProgram,
  soon,
  useBrowser,
  write,
} from '../world.ts';

useBrowser();

describe('a deleted memo', () => {
  test('can be brought back for ten seconds, and longer by whoever is about to', async () => {
    const { world, page, step } = await comeIn('under /memo');
    await world.push('남을 글', '지울 글', '또 지울 글');
    await page.clock.install();
    await page.reload();
    const undo = button(page, '되돌리기');
    await step('the offer goes, and the focus to what is there', async () => {
      await cardButton(page, '또 지울', '삭제').click();
      await undo.waitFor();
      await page.clock.runFor(9_000);
      expect(await undo.count()).toBe(1);
      await page.clock.runFor(2_000);
      await soon(() => undo.count()).toBe(0);
      expect(await page.evaluate(() => document.activeElement !== document.body)).toBe(true);
    });
    await step('but not from under a keyboard’s focus or a pointer', async () => {
      await page.keyboard.press('Tab');
      await cardOf(page, '지울 글').focus();
      await page.keyboard.press('x');
      await undo.waitFor();
      await soon(() => isFocused(undo)).toBe(true);
      await page.clock.runFor(60_000);
      expect(await undo.count()).toBe(1);
      await page.locator('main').focus();
      await undo.hover();
      await page.clock.runFor(60_000);
      expect(await undo.count()).toBe(1);
      await page.mouse.move(5, 5);
      await page.clock.runFor(11_000);
      await soon(() => undo.count()).toBe(0);
    });
    expect(await world.texts()).toEqual(['남을 글']);
  });
});

test('what was unfolded stays so while news come', async () => {
  const { world, page, context } = await comeIn('under /memo');
  const lines = Array.from({ length: 40 }, (_, i) => `${i + 1}번째 줄`).join('\n');
  await world.push(lines);
  await page.reload();
  await page.getByText('28줄 더 보기').click();
  await page.getByText('40번째 줄').waitFor();
  await listens(page);
  await sendByProgram(world, context, 1);
  await soon(async () => (await memosOn(page)).length).toBe(2);
  expect(await page.getByText('40번째 줄').isVisible()).toBe(true);
});

test('times are the reader’s own', async () => {
  const { page } = await comeIn('at the root of a host', { timezoneId: 'America/New_York' });
  await write(page, '뉴욕에서 쓴 글');
  await soon(() => memosOn(page)).toEqual(['뉴욕에서 쓴 글']);
  const [title, expected] = await page.evaluate(() => {
    const time = document.querySelector('time')!;
    const format = new Intl.DateTimeFormat(document.documentElement.lang, {
      dateStyle: 'long',
      timeStyle: 'short',
    });
    return [time.title, format.format(new Date(time.dateTime))];
  });
  expect(title).toBe(expected);
  expect(await page.locator('time').innerText()).toBe('지금');
});

test('whatever a memo says, it is only text, also when it comes by a swap', async () => {
  const { world, page, context, step } = await comeIn('under /memo');
  const TEXTS = [
    '<hx-partial hx-target="body" hx-swap="innerHTML">빼앗긴 화면</hx-partial>',
    '</main><template hx type="partial" hx-target="#notice">x</template>',
    '<img src=x onerror="document.title=1"><script>document.title=1</script>',
    '<b hx-on:click="document.title=1" hx-get="/memo/logout" hx-trigger="load">x</b>',
    '<title>다른 제목</title><body hx-boost="false">',
    '\u202e거꾸로\u202c 👨‍👩‍👧‍👦 \u200b끝',
    '<form id="new"><input name="text"></form><div id="notice"></div>',
  ];
  await listens(page);
  await step('of one’s own', async () => {
    for (const text of TEXTS) {
      await composer(page).fill(text);
      await page.keyboard.press('Control+Enter');
      await soon(async () => (await memosOn(page))[0]).toBe(text);
    }
    expect(await page.locator('main img, main b, main script, hx-partial, template').count()).toBe(
      0,
    );
    expect(await page.title()).toContain('김메모');
    expect(await page.locator('#new, #notice').count()).toBe(2);
  });
  await step('or of another device', async () => {
    const Cookie = (await context.cookies())
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    for (const text of TEXTS) {
      const body = JSON.stringify({ text: `${text} 다시` });
      const headers = { Cookie, 'Content-Type': 'application/json' };
      await fetch(`${world.page}memo`, { method: 'POST', headers, body });
      await soon(async () => (await memosOn(page))[0]).toBe(`${text} 다시`);
    }
    expect(await page.title()).toContain('김메모');
    expect(await page.locator('#new, #notice').count()).toBe(2);
  });
  expect(await world.texts()).toHaveLength(TEXTS.length * 2);
});
