/** Typing: Korean, which is composed, the search that follows it, and the keys that do things. */
import type { CDPSession, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import {
  button,
  cardOf,
  comeIn,
  composer,
  editor,
  isFocused,
  link,
  listens,
  memosOn,
  openEditor,
  pinned,
  saver,
  sendByProgram,
  soon,
  useBrowser,
  write,
} from '../world.ts';

useBrowser();

const searchField = (page: Page) => page.getByRole('searchbox', { name: '메모 검색' });

/** A Korean input method, as Chromium knows it: what is composed is not in the text yet. */
async function takeInputMethod(page: Page) {
  const cdp: CDPSession = await page.context().newCDPSession(page);
  const key = (type: 'rawKeyDown' | 'keyUp', name: string, code: string, modifiers = 0) =>
    cdp.send('Input.dispatchKeyEvent', {
      type,
      key: name,
      code,
      modifiers,
      windowsVirtualKeyCode: 229,
      nativeVirtualKeyCode: 229,
    });
  return {
    /** Shows a syllable that is not finished. */
    compose: (text: string) =>
      cdp.send('Input.imeSetComposition', {
        text,
        selectionStart: text.length,
        selectionEnd: text.length,
      }),
    /** Ends the composition with what it has come to. */
    commit: (text: string) => cdp.send('Input.insertText', { text }),
    /** A key that goes to the input method. */
    async press(name: string, code: string, modifiers = 0) {
      await key('rawKeyDown', name, code, modifiers);
      await key('keyUp', name, code, modifiers);
    },
  };
}

/** Marks the field that has the focus, and tells whether it is still the same and has it still. */
async function watchField(page: Page) {
  await page.evaluate(() => {
    (window as { watched?: Element | null }).watched = document.activeElement;
  });
  return () =>
    page.evaluate(() => {
      const { watched } = window as { watched?: Element };
      return watched?.isConnected === true && document.activeElement === watched;
    });
}

/** What the page hears of changes. @returns waits for the next one that its stream tells */
async function listenToStream(page: Page) {
  const cdp: CDPSession = await page.context().newCDPSession(page);
  await cdp.send('Network.enable');
  return () =>
    new Promise<void>((resolve) => {
      cdp.on('Network.eventSourceMessageReceived', ({ eventName }) => {
        if (eventName === 'changed') resolve();
      });
    });
}

const CTRL = 2; // the protocol's bit

describe('while a syllable is being composed', () => {
  test('no key is ours: not Enter, not Esc, not a shortcut', async () => {
    const { world, page, context, step } = await comeIn('under /memo');
    await write(page, '있는 메모');
    await soon(() => memosOn(page)).toEqual(['있는 메모']);
    const ime = await takeInputMethod(page);
    const sent: string[] = [];
    page.on('request', (request) => sent.push(request.method()));
    const pressAll = async () => {
      for (const [name, code, modifiers] of [
        ['Process', 'Enter', 0],
        ['Process', 'Enter', CTRL],
        ['Process', 'Escape', 0],
        ['Process', 'KeyX', 0],
        ['Process', 'KeyN', 0],
        ['Process', 'Slash', 0],
      ] as const) {
        await ime.press(name, code, modifiers);
      }
    };

    await step('in a new memo', async () => {
      await composer(page).focus();
      const stays = await watchField(page);
      await ime.compose('ㅎ');
      await ime.compose('하');
      await ime.compose('한');
      await pressAll();
      expect(await stays()).toBe(true);
      expect(await composer(page).inputValue()).toBe('한');
      await ime.commit('한');
      await ime.compose('글');
      await pressAll();
      await ime.commit('글');
      expect(await composer(page).inputValue()).toBe('한글');
    });
    await step('in an editor', async () => {
      await openEditor(page, '있는 메모');
      await editor(page).press('End');
      const stays = await watchField(page);
      await ime.compose('고');
      await ime.compose('곷');
      await pressAll();
      expect(await stays()).toBe(true);
      await ime.commit('고치');
      expect(await editor(page).inputValue()).toBe('있는 메모고치');
    });
    expect(sent.filter((method) => method === 'POST')).toEqual([]);
    await step('afterwards they are, and nothing was lost', async () => {
      await page.keyboard.press('Control+Enter');
      await soon(() => memosOn(page)).toEqual(['있는 메모고치']);
      await composer(page).focus();
      await page.keyboard.press('Control+Enter');
      await soon(() => world.texts()).toEqual(['한글', '있는 메모고치']);
      expect(context.pages()).toHaveLength(1);
    });
  });

  test('nor the Enter or Esc that Safari sends after its end', async () => {
    const { world, page } = await comeIn('at the root of a host');
    await write(page, '있는 메모');
    await soon(() => memosOn(page)).toEqual(['있는 메모']);
    await openEditor(page, '있는 메모');
    await editor(page).fill('고친 메모');
    for (const field of [editor(page), composer(page), searchField(page)]) {
      await field.evaluate((element) => {
        element.focus();
        const send = (event: Event) => element.dispatchEvent(event);
        send(new CompositionEvent('compositionstart', { bubbles: true }));
        send(new CompositionEvent('compositionend', { bubbles: true, data: '다' }));
        for (const init of [
          { key: 'Enter', keyCode: 229 },
          { key: 'Enter', keyCode: 229, metaKey: true },
          { key: 'Escape', keyCode: 229 },
        ]) {
          send(new KeyboardEvent('keydown', { ...init, bubbles: true, cancelable: true }));
        }
      });
      expect(await isFocused(field)).toBe(true);
    }
    expect(await editor(page).inputValue()).toBe('고친 메모');
    expect(await world.texts()).toEqual(['있는 메모']);
    await editor(page).focus();
    await page.keyboard.press('Control+Enter');
    await soon(() => world.texts()).toEqual(['고친 메모']);
  });

  test('neither news nor the answer to a save breaks it', async () => {
    const { world, page, context, step } = await comeIn('under /memo');
    const ime = await takeInputMethod(page);
    const tellsOfChange = await listenToStream(page);
    await listens(page);
    await step('news wait for its end', async () => {
      await composer(page).focus();
      const stays = await watchField(page);
      await ime.compose('쓰');
      const asked: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      const told = tellsOfChange();
      await sendByProgram(world, context, 1);
      await told;
      await ime.compose('씀');
      expect(await composer(page).inputValue()).toBe('씀');
      expect(await memosOn(page)).toEqual([]);
      expect(asked).toEqual([]);
      expect(await stays()).toBe(true);
      await ime.commit('씀');
      await soon(() => memosOn(page)).toEqual(['보낸 0']);
      expect(asked).toEqual([world.page]);
      expect(await composer(page).inputValue()).toBe('씀');
      expect(await stays()).toBe(true);
    });
    await step('also those that are on their way already', async () => {
      let pass = () => {};
      const held = new Promise<void>((resolve) => {
        pass = resolve;
      });
      const asked = page.waitForRequest(world.page);
      await page.route(
        world.page,
        async (route) => {
          await held;
          await route.continue();
        },
        { times: 1 },
      );
      await sendByProgram(world, context, 1);
      await asked;
      const stays = await watchField(page);
      await ime.compose('다');
      const over = page.waitForEvent('requestfinished', (request) => request.url() === world.page);
      pass();
      await over;
      await ime.compose('닭');
      expect(await memosOn(page)).toEqual(['보낸 0']);
      expect(await stays()).toBe(true);
      await ime.commit('닭');
      await soon(() => memosOn(page)).toEqual(['보낸 0', '보낸 0']);
      expect(await composer(page).inputValue()).toBe('씀닭');
      await composer(page).fill('씀');
    });
    await step('a save’s answer leaves the next syllable alone', async () => {
      let pass = () => {};
      const held = new Promise<void>((resolve) => {
        pass = resolve;
      });
      await page.route(`${world.page}memo`, async (route) => {
        await held;
        await route.continue();
      });
      await page.keyboard.press('Control+Enter');
      const stays = await watchField(page);
      await ime.compose('다');
      await ime.compose('닭');
      pass();
      await soon(() => memosOn(page)).toEqual(['씀', '보낸 0', '보낸 0']);
      expect(await composer(page).inputValue()).toBe('씀닭');
      await ime.commit('닭');
      await soon(() => composer(page).inputValue()).toBe('닭');
      expect(await stays()).toBe(true);
      await page.unroute(`${world.page}memo`);
      await page.keyboard.press('Control+Enter');
      await soon(() => world.texts()).toEqual(['닭', '씀', '보낸 0', '보낸 0']);
      await soon(() => composer(page).inputValue()).toBe('');
    });
    await step('what is half composed is kept like any other text', async () => {
      await composer(page).focus();
      await ime.compose('ㄱ');
      await ime.compose('가');
      await page.reload();
      expect(await composer(page).inputValue()).toBe('가');
    });
  });

  test('the search follows it, syllable by syllable', async () => {
    const { world, page } = await comeIn('under /memo');
    await world.push('장보기', '장기 자랑', '볼펜');
    await page.reload();
    const ime = await takeInputMethod(page);
    await searchField(page).focus();
    const stays = await watchField(page);
    for (const [text, found] of [
      ['ㅈ', ['장기 자랑', '장보기']],
      ['자', ['장기 자랑', '장보기']],
      ['장', ['장기 자랑', '장보기']],
    ] as const) {
      await ime.compose(text);
      await soon(() => memosOn(page)).toEqual(found);
    }
    await ime.commit('장');
    await ime.compose('ㅂ');
    await soon(() => memosOn(page)).toEqual(['장보기']);
    await ime.compose('보');
    await ime.press('Process', 'Enter');
    await ime.press('Process', 'Escape');
    await ime.compose('복');
    await soon(() => page.locator('mark').allInnerTexts()).toEqual(['장보기']);
    await ime.commit('보기');
    await soon(() => new URL(page.url()).searchParams.get('q')).toBe('장보기');
    expect(await searchField(page).inputValue()).toBe('장보기');
    expect(await stays()).toBe(true);
  });
});

describe('the search', () => {
  test('shows what was typed last, and going back leaves it', async () => {
    const { world, page, step } = await comeIn('under /memo');
    await world.push('사과', '사과 주스', '포도');
    await page.reload();
    await step('whatever order the answers come in', async () => {
      let pass = () => {};
      const held = new Promise<void>((resolve) => {
        pass = resolve;
      });
      const slow = `${world.page}?q=${encodeURIComponent('사과')}`;
      await page.route(slow, async (route) => {
        await held;
        await route.continue().catch(() => {}); // nobody waits for it any more
      });
      await searchField(page).fill('사과');
      await page.waitForRequest(slow);
      await searchField(page).fill('포도');
      await soon(() => memosOn(page)).toEqual(['포도']);
      pass();
      await page.unroute(slow);
      await searchField(page).fill('사과 주');
      await soon(() => memosOn(page)).toEqual(['사과 주스']);
      expect(await searchField(page).inputValue()).toBe('사과 주');
    });
    await step('reloading and opening its address show the same', async () => {
      await page.reload();
      expect(await memosOn(page)).toEqual(['사과 주스']);
      expect(await searchField(page).inputValue()).toBe('사과 주');
    });
    await step('one step back are the memos, whatever was typed', async () => {
      await page.goBack();
      await soon(() => memosOn(page)).toEqual(['포도', '사과 주스', '사과']);
      expect(await searchField(page).inputValue()).toBe('');
      await page.goForward();
      await soon(() => memosOn(page)).toEqual(['사과 주스']);
      expect(await searchField(page).inputValue()).toBe('사과 주');
    });
    await step('clearing it brings the memos and what was being written', async () => {
      await link(page, '검색 지우기').click();
      await composer(page).fill('쓰던 글');
      await searchField(page).pressSequentially('포도');
      await soon(() => memosOn(page)).toEqual(['포도']);
      await searchField(page).press('ControlOrMeta+a');
      await searchField(page).press('Delete');
      await soon(() => composer(page).inputValue()).toBe('쓰던 글');
      expect(await isFocused(searchField(page))).toBe(true);
      expect(new URL(page.url()).search).toBe('');
    });
    await step('and finding nothing says so', async () => {
      await searchField(page).fill('수박');
      await page.getByText('찾는 메모가 없습니다').waitFor();
    });
  });
});

describe('the keys', () => {
  test('do what the buttons do, on the memo that has the focus', async () => {
    const { world, page, step, context } = await comeIn('under /memo');
    const { keyboard } = page;
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await world.push('하나', '- [ ] 둘', '셋', '넷');
    await page.reload();
    const focused = () =>
      page.evaluate(() => document.activeElement?.querySelector('.text')?.textContent?.trim());

    await step('j and k go through the memos', async () => {
      await page.locator('main').focus();
      const seen = [];
      for (const key of ['j', 'j', 'j', 'k', 'j', 'j', 'j']) {
        await keyboard.press(key);
        seen.push(await focused());
      }
      expect(seen).toEqual(['넷', '셋', '둘', '셋', '둘', '하나', '하나']);
    });
    await step('also with the keyboard set to Korean', async () => {
      const press = (key: string, code: string) =>
        page.evaluate(
          (init) =>
            document.activeElement!.dispatchEvent(
              new KeyboardEvent('keydown', { ...init, bubbles: true, cancelable: true }),
            ),
          { key, code },
        );
      await press('ㅏ', 'KeyK');
      expect(await focused()).toBe('둘');
      await press('ㅓ', 'KeyJ');
      expect(await focused()).toBe('하나');
    });
    await step('p pins, and again unpins', async () => {
      await keyboard.press('p');
      await soon(() => memosOn(pinned(page))).toEqual(['하나']);
      await soon(focused).toBe('하나');
      await keyboard.press('p');
      await soon(() => pinned(page).count()).toBe(0);
      await soon(focused).toBe('하나');
    });
    await step('x deletes, u undoes, and j goes on from there', async () => {
      await keyboard.press('k');
      await keyboard.press('k');
      expect(await focused()).toBe('셋');
      await keyboard.press('x');
      await soon(() => memosOn(page)).toEqual(['넷', '둘', '하나']);
      await keyboard.press('j');
      expect(await focused()).toBe('둘');
      await keyboard.press('u');
      await soon(() => memosOn(page)).toEqual(['넷', '셋', '둘', '하나']);
      expect(await focused()).toBe('둘');
    });
    await step('c copies what was written', async () => {
      await keyboard.press('c');
      await page.getByText('복사했습니다.').waitFor();
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('- [ ] 둘');
    });
    await step('e edits, Esc leaves', async () => {
      await keyboard.press('e');
      await soon(() => isFocused(editor(page))).toBe(true);
      expect(await editor(page).inputValue()).toBe('- [ ] 둘');
      await keyboard.press('Escape');
      await soon(focused).toBe('둘');
    });
    await step('/ searches, n writes, Ctrl+Enter saves', async () => {
      await keyboard.press('/');
      expect(await isFocused(searchField(page))).toBe(true);
      expect(await searchField(page).inputValue()).toBe('');
      await page.locator('main').focus();
      await keyboard.press('n');
      expect(await isFocused(composer(page))).toBe(true);
      await keyboard.type('/njkexpuc?');
      expect(await composer(page).inputValue()).toBe('/njkexpuc?');
      await keyboard.press('Control+Enter');
      await soon(async () => (await memosOn(page))[0]).toBe('/njkexpuc?');
      expect(await world.texts()).toHaveLength(5);
    });
    await step('? shows them all, and none works meanwhile', async () => {
      await cardOf(page, '셋').focus();
      await keyboard.press('?');
      const help = page.getByRole('dialog', { name: '단축키' });
      await help.waitFor();
      await keyboard.press('x');
      await keyboard.press('Escape');
      await help.waitFor({ state: 'hidden' });
      expect(await focused()).toBe('셋');
      await button(page, '단축키').click();
      await help.waitFor();
      await button(page, '닫기').click();
      await help.waitFor({ state: 'hidden' });
    });
    await step('with Ctrl, Alt or Meta they are the browser’s', async () => {
      await cardOf(page, '셋').focus();
      for (const modifier of ['Control', 'Alt', 'Meta']) {
        await page.evaluate((held) => {
          for (const key of ['x', 'p', 'e', 'n']) {
            document.activeElement!.dispatchEvent(
              new KeyboardEvent('keydown', { key, [held]: true, bubbles: true }),
            );
          }
        }, { Control: 'ctrlKey', Alt: 'altKey', Meta: 'metaKey' }[modifier]!);
      }
      expect(await focused()).toBe('셋');
      expect(await world.texts()).toHaveLength(5);
      await saver(composer(page)).waitFor();
    });
  });
});

test.each([
  ['the network is back', 1, () => dispatchEvent(new Event('online'))],
  ['Save is pressed', 2, () => document.querySelector<HTMLFormElement>('#new')!.requestSubmit()],
])(
  'a memo that fails in the middle of a syllable is saved once, whole, if %s then',
  async (_, sent, act) => {
    const { world, page, forgive } = await comeIn('under /memo');
    forgive(/ERR_CONNECTION_FAILED/);
    const input = await takeInputMethod(page);
    let fail = () => {};
    const held = new Promise<void>((resolve) => {
      fail = resolve;
    });
    let posts = 0;
    await page.route(`${world.page}memo`, async (route) => {
      if (++posts > 1) return route.continue();
      await held;
      await route.abort('connectionfailed');
    });
    await composer(page).fill('첫째');
    await page.keyboard.press('Control+Enter');
    await soon(() => posts).toBe(1);
    await input.compose('다');
    fail();
    await soon(() => page.locator('#notice').textContent()).toMatch(/아직 저장하지 못했습니다/);
    await page.evaluate(act);
    await soon(() => posts).toBe(sent);
    await input.commit(sent === 1 ? '닭' : '다');
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await soon(() => world.texts()).toEqual([sent === 1 ? '첫째닭' : '첫째다']);
    await soon(() => composer(page).inputValue()).toBe('');
    const drafts = () =>
      page.evaluate(() => Object.values(localStorage).filter((it) => it.includes('첫째')));
    await soon(drafts).toEqual([]);
    expect(posts).toBe(2);
  },
);
