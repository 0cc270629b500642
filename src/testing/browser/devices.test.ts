/** The same person on two devices at once: changes appear, and disturb nobody. */
import type { Locator, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import {
  button,
  cardButton,
  cardOf,
  comeIn,
  composer,
  editor,
  giveSession,
  isFocused,
  link,
  listens,
  memosOn,
  openBrowser,
  openEditor,
  type Place,
  pinned,
  saver,
  sendByProgram,
  soon,
  useBrowser,
  write,
} from '../world.ts';

useBrowser();

/** Somebody on a laptop, and again on a phone. */
async function comeInTwice(place: Place) {
  const laptop = await comeIn(place);
  const phone = await openBrowser(laptop.world, { viewport: { width: 390, height: 740 } });
  await giveSession(laptop.world, phone.context);
  await phone.page.goto(laptop.world.page);
  await composer(phone.page).waitFor();
  await listens(laptop.page);
  await listens(phone.page);
  return { ...laptop, laptop: laptop.page, phone: phone.page, both: [laptop.page, phone.page] };
}

/** Marks an element, to see whether it is still the same later. */
const mark = (field: Locator) =>
  field.evaluate((element) => {
    (element as HTMLElement & { marked?: boolean }).marked = true;
  });
const isMarked = (field: Locator) =>
  field.evaluate((element) => (element as HTMLElement & { marked?: boolean }).marked === true);

test('what is done on one device appears on the other', async () => {
  const { world, laptop, phone, both, step } = await comeInTwice(
    'behind a proxy that strips /memo',
  );
  const see = async (...texts: string[]) => {
    for (const page of both) await soon(() => memosOn(page)).toEqual(texts);
  };
  await step('a new memo', async () => {
    await write(phone, '전화기에서 쓴 글');
    await see('전화기에서 쓴 글');
    await write(laptop, '- [ ] 노트북에서 쓴 글');
    await see('\n노트북에서 쓴 글'.trim(), '전화기에서 쓴 글');
  });
  await step('an edit, a pin, a tick', async () => {
    await openEditor(laptop, '전화기에서');
    await editor(laptop).fill('노트북에서 고친 글');
    await saver(editor(laptop)).click();
    await see('노트북에서 쓴 글', '노트북에서 고친 글');
    await cardButton(phone, '고친 글', '고정').click();
    for (const page of both) {
      await soon(() => memosOn(pinned(page))).toEqual(['노트북에서 고친 글']);
    }
    await phone.getByRole('checkbox').click();
    await laptop.getByRole('checkbox', { checked: true }).waitFor();
  });
  await step('a deletion, and its undoing', async () => {
    await cardButton(phone, '쓴 글', '삭제').click();
    await see('노트북에서 고친 글');
    expect(await laptop.getByText('메모를 삭제했습니다.').count()).toBe(0);
    await button(phone, '되돌리기').click();
    await see('노트북에서 고친 글', '노트북에서 쓴 글');
  });
  await step('and Redis holds it once', async () => {
    expect(await world.texts()).toEqual(['- [x] 노트북에서 쓴 글', '노트북에서 고친 글']);
  });
});

test('what appears disturbs neither what is typed, nor the place, nor the focus', async () => {
  const { world, laptop, phone, step } = await comeInTwice('under /memo');
  await world.push(...Array.from({ length: 120 }, (_, i) => `오래된 메모 ${i}`));
  await laptop.reload();
  await listens(laptop);

  await step('in the new memo’s field', async () => {
    await composer(laptop).fill('쓰는 중인 글');
    await composer(laptop).evaluate((area) =>
      (area as HTMLTextAreaElement).setSelectionRange(1, 3),
    );
    await mark(composer(laptop));
    await write(phone, '끼어든 글');
    await soon(async () => (await memosOn(laptop))[0]).toBe('끼어든 글');
    expect(await isMarked(composer(laptop))).toBe(true);
    expect(await isFocused(composer(laptop))).toBe(true);
    expect(
      await composer(laptop).evaluate((area) => {
        const { value, selectionStart, selectionEnd } = area as HTMLTextAreaElement;
        return [value, selectionStart, selectionEnd];
      }),
    ).toEqual(['쓰는 중인 글', 1, 3]);
  });
  await step('in an editor, even when its memo is changed elsewhere', async () => {
    await openEditor(laptop, '끼어든 글');
    await editor(laptop).fill('고치는 중인 글');
    await mark(editor(laptop));
    await openEditor(phone, '끼어든 글');
    await editor(phone).fill('저쪽에서 고친 글');
    await saver(editor(phone)).click();
    await soon(async () => (await memosOn(phone))[0]).toBe('저쪽에서 고친 글');
    await write(phone, '또 끼어든 글');
    await soon(async () => (await memosOn(laptop))[0]).toBe('또 끼어든 글');
    expect(await isMarked(editor(laptop))).toBe(true);
    expect(await isFocused(editor(laptop))).toBe(true);
    expect(await editor(laptop).inputValue()).toBe('고치는 중인 글');
    await saver(editor(laptop)).click();
    await laptop.getByRole('region', { name: '지금 저장되어 있는 글' }).waitFor();
    expect((await world.texts())[1]).toBe('저쪽에서 고친 글');
    await button(laptop, '내 글로 저장').click();
    await soon(() => memosOn(laptop)).toContain('고치는 중인 글');
  });
  await step('far down the list', async () => {
    await laptop.goto(world.page);
    await soon(async () => {
      await link(laptop, '이전 메모 더 보기')
        .scrollIntoViewIfNeeded({ timeout: 100 })
        .catch(() => {});
      return (await memosOn(laptop)).length;
    }).toBe(122);
    expect(new URL(laptop.url()).searchParams.has('through')).toBe(true);
    await listens(laptop);
    const card = laptop.getByRole('article').filter({ hasText: /^오래된 메모 40/ });
    await card.scrollIntoViewIfNeeded();
    const { y } = (await card.boundingBox())!;
    await write(phone, '멀리 위에\n생긴\n긴 글');
    await soon(async () => (await memosOn(laptop)).length).toBe(123);
    expect(Math.abs((await card.boundingBox())!.y - y)).toBeLessThan(2);
  });
  await step('and the focus stays on what it was on, or goes to what took its place', async () => {
    await laptop.goto(world.page);
    await listens(laptop);
    const card = cardOf(laptop, '또 끼어든 글');
    await card.focus();
    await write(phone, '위에 하나 더');
    await soon(() => memosOn(laptop)).toContain('위에 하나 더');
    expect(await isFocused(card)).toBe(true);
    await cardButton(phone, '또 끼어든', '삭제').click();
    await soon(() => memosOn(laptop)).not.toContain('또 끼어든 글');
    await soon(() => isFocused(cardOf(laptop, '고치는 중인'))).toBe(true);
  });
  await step('among the results of a search, only what fits appears', async () => {
    await laptop.getByRole('searchbox').fill('위에');
    await soon(async () => (await memosOn(laptop)).length).toBe(2);
    await write(phone, '아래에');
    await write(phone, '맨 위에');
    await soon(async () => (await memosOn(laptop)).length).toBe(3);
    expect((await memosOn(laptop))[0]).toBe('맨 위에');
  });
});

describe('after a break', () => {
  test('a page catches up: server and Redis away, the network off, the tab out of sight', async () => {
    const { world, laptop, phone, context, step, forgive } = await comeInTwice('under /memo');
    forgive(/ERR_|status of 50\d|htmx:error/);
    await step('of the server and its Redis', async () => {
      await world.restart();
      await write(phone, '다시 켠 뒤의 글');
      await soon(() => memosOn(laptop)).toEqual(['다시 켠 뒤의 글']);
    });
    await step('of Redis’s connections', async () => {
      await listens(laptop);
      await world.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await write(phone, '끊긴 뒤의 글');
      await soon(async () => (await memosOn(laptop))[0]).toBe('끊긴 뒤의 글');
    });
    await step('of the network', async () => {
      await context.setOffline(true);
      await write(phone, '꺼져 있을 때의 글');
      await soon(() => world.texts()).toContain('꺼져 있을 때의 글');
      await context.setOffline(false);
      await soon(async () => (await memosOn(laptop))[0]).toBe('꺼져 있을 때의 글');
    });
    await step('of the reader', async () => {
      const show = (hidden: boolean) =>
        laptop.evaluate((value) => {
          Object.defineProperty(document, 'hidden', { value, configurable: true });
          document.dispatchEvent(new Event('visibilitychange'));
        }, hidden);
      const channels = async () => {
        const [channel] = (await world.redis.pubsub('CHANNELS')) as string[];
        return channel === undefined ? 0 : (await world.redis.pubsub('NUMSUB', channel))[1];
      };
      await phone.close();
      expect(await channels()).toBe(1);
      await show(true);
      // Nobody looks: there is no stream, however many tabs are open.
      await soon(channels).toBe(0);
      await world.push('안 볼 때의 글');
      await show(false);
      await soon(async () => (await memosOn(laptop))[0]).toBe('안 볼 때의 글');
      await soon(channels).toBe(1);
    });
  });

  test('ten tabs leave the browser connections for more', async () => {
    const { world, context, page } = await comeIn('at the root of a host');
    for (let i = 0; i < 10; i++) {
      const tab = await context.newPage();
      await tab.goto(world.page);
      // As a browser has it, other than the tests': only one tab is in sight.
      await page.bringToFront();
      await tab.evaluate(() => {
        Object.defineProperty(document, 'hidden', { value: true, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      });
    }
    const last = await context.newPage();
    await last.goto(world.page);
    await write(last, '열한째 탭에서 쓴 글');
    await soon(() => memosOn(last)).toEqual(['열한째 탭에서 쓴 글']);
    await soon(() => memosOn(page)).toEqual(['열한째 탭에서 쓴 글']);
  });
});

describe('an edit of an old version', () => {
  async function conflict() {
    const { world, laptop, phone, step, answer } = await comeInTwice('under /memo');
    await write(laptop, '처음 글');
    await soon(() => memosOn(phone)).toEqual(['처음 글']);
    const collide = async (mine: string, theirs: string) => {
      await openEditor(laptop, (await memosOn(laptop))[0]!);
      await editor(laptop).fill(mine);
      await openEditor(phone, (await memosOn(phone))[0]!);
      await editor(phone).fill(theirs);
      await saver(editor(phone)).click();
      await soon(() => memosOn(phone)).toEqual([theirs]);
      await saver(editor(laptop)).click();
      await theirsOn(laptop).getByText(theirs).waitFor();
      expect(await editor(laptop).inputValue()).toBe(mine);
      expect(await world.texts()).toEqual([theirs]);
    };
    return { world, laptop, phone, step, answer, collide };
  }
  const theirsOn = (page: Page) => page.getByRole('region', { name: '지금 저장되어 있는 글' });

  test('shows both texts side by side: keep mine, keep theirs, or merge', async () => {
    const { world, laptop, phone, step, answer, collide } = await conflict();
    await step('beside each other on a desktop, one below the other on a phone', async () => {
      await collide('내 글 1', '저쪽 글 1');
      const boxes = async () => [
        (await theirsOn(laptop).boundingBox())!,
        (await editor(laptop).boundingBox())!,
      ];
      const [left, right] = await boxes();
      expect(left!.x + left!.width).toBeLessThanOrEqual(right!.x);
      expect(Math.abs(left!.y - right!.y)).toBeLessThan(60);
      await laptop.setViewportSize({ width: 390, height: 740 });
      const [above, below] = await boxes();
      expect(above!.y + above!.height).toBeLessThanOrEqual(below!.y);
      await laptop.setViewportSize({ width: 1280, height: 720 });
    });
    await step('mine', async () => {
      await button(laptop, '내 글로 저장').click();
      await soon(() => memosOn(phone)).toEqual(['내 글 1']);
      expect(await world.texts()).toEqual(['내 글 1']);
    });
    await step('theirs', async () => {
      await collide('내 글 2', '저쪽 글 2');
      answer(/버릴까요/, true);
      await link(laptop, '저장된 글 그대로 두기').click();
      await soon(() => memosOn(laptop)).toEqual(['저쪽 글 2']);
      expect(await world.texts()).toEqual(['저쪽 글 2']);
      expect(await laptop.getByText('이어서 수정').count()).toBe(0);
    });
    await step('or both, after one more change that came in between', async () => {
      await collide('내 글 3', '저쪽 글 3');
      await openEditor(phone, '저쪽 글 3');
      await editor(phone).fill('저쪽 글 4');
      await saver(editor(phone)).click();
      await soon(() => memosOn(phone)).toEqual(['저쪽 글 4']);
      await editor(laptop).fill('내 글 3과 저쪽 글');
      await button(laptop, '내 글로 저장').click();
      await theirsOn(laptop).getByText('저쪽 글 4').waitFor();
      expect(await editor(laptop).inputValue()).toBe('내 글 3과 저쪽 글');
      expect(await world.texts()).toEqual(['저쪽 글 4']);
      await editor(laptop).fill('내 글 3과 저쪽 글 4');
      await laptop.keyboard.press('Control+Enter');
      await soon(() => memosOn(phone)).toEqual(['내 글 3과 저쪽 글 4']);
      expect(await world.texts()).toEqual(['내 글 3과 저쪽 글 4']);
    });
  });

  test('is not taken away by news that were asked for before it', async () => {
    const { world, laptop, phone, step } = await conflict();
    await step('an answer that comes late', async () => {
      await openEditor(laptop, '글');
      await editor(laptop).fill('내 글');
      let release!: () => void;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      let asked = false;
      await laptop.route(/\?edit=/, async (route) => {
        asked = true;
        const response = await route.fetch();
        await released;
        await route.fulfill({ response });
      });
      await openEditor(phone, '글');
      await editor(phone).fill('저쪽 글');
      await saver(editor(phone)).click();
      await soon(() => asked).toBe(true);
      await saver(editor(laptop)).click();
      await theirsOn(laptop).waitFor();
      // Listening has begun before the answer is let go, or its end could pass unheard.
      const over = await laptop.evaluateHandle(() => ({
        promise: new Promise((resolve) => {
          document.addEventListener('htmx:finally:request', resolve, { once: true });
        }),
      }));
      release();
      await over.evaluate(({ promise }) => promise.then(() => {}));
      expect(await theirsOn(laptop).innerText()).toContain('저쪽 글');
      expect(await editor(laptop).inputValue()).toBe('내 글');
      expect(await world.texts()).toEqual(['저쪽 글']);
    });
  });
});

test('one’s own changes are shown by their answers, and not asked for again', async () => {
  const { world, page } = await comeIn('at the root of a host');
  await listens(page);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(`${request.method()} ${request.url()}`));
  await write(page, '내가 쓴 글');
  await soon(() => memosOn(page)).toEqual(['내가 쓴 글']);
  await cardButton(page, '내가', '고정').click();
  await pinned(page).waitFor();
  // Somebody else's change, told after ours, is asked for: all before it has been told.
  await sendByProgram(world, page.context(), 1);
  await soon(async () => (await memosOn(page)).length).toBe(2);
  const id = JSON.parse((await world.stored())[0]!).id;
  expect(asked).toEqual([
    `POST ${world.page}memo`,
    `POST ${world.page}memo/${id}/pin`,
    `GET ${world.page}`,
  ]);
});
