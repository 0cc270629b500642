/** The product's story, in a real browser, from the invitation to the logout. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type {
  Browser,
  BrowserContext,
  BrowserContextOptions,
  Locator,
  Page,
  Route,
} from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startNaverStandIn } from '../../scripts/naver.ts';
import { findFreePort, startRedis } from '../../scripts/redis.ts';
import { launchBrowser } from './browser.ts';
import { startServer } from './server.ts';

const PATIENCE = 10_000; // ms until something has to be seen
const STEP_LIMIT = 20_000; // ms for one step of a story, as not every call has a limit of its own

/** Where a deployment puts the app, and who takes the prefix off. */
const PLACES = {
  'at the root of a host': { prefix: '', stripped: false },
  'under /memo': { prefix: '/memo', stripped: false },
  'behind a proxy that strips /memo': { prefix: '/memo', stripped: true },
};
type Place = keyof typeof PLACES;

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

/** The server, a Redis of its own and the Naver stand-in; all of it ends with the test. */
async function startWorld(place: Place) {
  const { prefix, stripped } = PLACES[place];
  const dir = await mkdtemp(join(tmpdir(), 'memo-story-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  let storage = await startRedis({ dir });
  onTestFinished(() => storage.stop());

  const serverPort = await findFreePort();
  const origin = `http://localhost:${stripped ? await startProxy(prefix, serverPort) : serverPort}`;
  const url = origin + prefix;
  const naver = await startNaverStandIn({ callbackUrls: [`${url}/oauth2`] });
  onTestFinished(() => naver.close());
  const env = {
    PORT: String(serverPort),
    PUBLIC_URL: url,
    REDIS_URL: storage.url,
    NAVER_CLIENT_ID: naver.clientId,
    NAVER_CLIENT_SECRET: naver.clientSecret,
    NAVER_AUTH_URL: naver.url,
    NAVER_API_URL: naver.url,
    ...(stripped && { BASE_PATH: '/' }),
  };
  let server = await startServer(env);

  const redis = new Redis(storage.url);
  redis.on('error', () => {}); // it is stopped in the middle of the story
  onTestFinished(() => redis.disconnect());

  /** Of the only person. */
  async function memosKey() {
    const users = (await redis.keys('user:*')).filter((key) => key.split(':').length === 2);
    expect(users).toHaveLength(1);
    return `${users[0]}:memos`;
  }

  return {
    origin,
    prefix,
    page: `${url}/`,
    naver,
    redis,
    /** Server and Redis go away and come back where they were, with what was saved. */
    async restart() {
      await server.stop();
      await storage.stop();
      const { port, password } = storage;
      storage = await startRedis({ dir, port, password });
      server = await startServer(env);
    },
    /** Adds memos as memo.py did, behind the server's back. */
    async push(...texts: string[]) {
      await redis.rpush(await memosKey(), ...texts.map((text) => JSON.stringify({ text })));
    },
    /** What Redis holds, oldest first. */
    async stored() {
      return redis.lrange(await memosKey(), 0, -1);
    },
    /** The texts that Redis holds, newest first, as the page shows them. */
    async texts(): Promise<string[]> {
      return (await this.stored()).map((memo) => JSON.parse(memo).text).reverse();
    },
  };
}
type World = Awaited<ReturnType<typeof startWorld>>;

/** A proxy in front of the server that takes the prefix off; outside of it, it has nothing. */
async function startProxy(prefix: string, port: number): Promise<number> {
  const proxy = createServer((incoming, outgoing) => {
    const [path = '', ...query] = incoming.url!.split(/(?=\?)/);
    if (path !== prefix && !path.startsWith(`${prefix}/`)) {
      outgoing.writeHead(404).end();
      return;
    }
    const { method, headers } = incoming;
    const onward = request({
      agent: false, // a connection that was kept would not outlive the server
      host: 'localhost',
      port,
      path: (path.slice(prefix.length) || '/') + query.join(''),
      method,
      headers,
    });
    onward.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  }).listen(0);
  onTestFinished(() => {
    proxy.close();
    proxy.closeAllConnections();
  });
  await once(proxy, 'listening');
  return (proxy.address() as { port: number }).port;
}

/** A browser of somebody's own, in which nothing may go wrong without being noticed. */
async function openBrowser(world: World, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ locale: 'ko-KR', ...options });
  onTestFinished(() => context.close());
  context.setDefaultTimeout(PATIENCE);
  const complaints = watch(context, world);
  if (options.javaScriptEnabled !== false) {
    await context.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => {
        console.error(`CSP: ${event.violatedDirective} blocked ${event.blockedURI}`);
      });
    });
  }
  const page = await context.newPage();

  /** Every address in the pages that are open, and every cookie, stays behind the prefix. */
  async function lookAround() {
    for (const open of context.pages()) {
      if (!open.url().startsWith(world.origin)) continue;
      const addresses = await open.evaluate(() =>
        ['href', 'src', 'action', 'formaction'].flatMap((name) =>
          Array.from(
            document.querySelectorAll(`[${name}]`),
            (element) => new URL(element.getAttribute(name)!, document.baseURI).href,
          ),
        ),
      );
      expect(addresses).not.toEqual([]);
      expect(addresses.filter((address) => !isOurs(world, address))).toEqual([]);
    }
    const cookies = await context.cookies();
    const strays = cookies.filter(({ path }) => !`${path}/`.startsWith(`${world.prefix}/`));
    expect(strays).toEqual([]);
    expect(complaints).toEqual([]);
  }

  /** One sentence of the story; after it, the world has to be in order. */
  async function step(sentence: string, happens: () => Promise<void>) {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      const error = new Error(`not over after ${STEP_LIMIT} ms`);
      timer = setTimeout(() => reject(error), STEP_LIMIT);
    });
    try {
      await Promise.race([happens().then(lookAround), limit]);
    } catch (error) {
      if (error instanceof Error) error.message = `${sentence}: ${error.message}`;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  return { context, page, step };
}

/** Whether an address is one of this app's, behind the prefix. */
function isOurs({ origin, prefix }: World, address: string): boolean {
  const url = new URL(address);
  return url.origin === origin && `${url.pathname}/`.startsWith(`${prefix}/`);
}

/** What no page of ours may do; complaints are added as they come. */
function watch(context: BrowserContext, world: World): string[] {
  const complaints: string[] = [];
  const isAllowed = (url: string) => isOurs(world, url) || new URL(url).origin === world.naver.url;
  context.on('console', (message) => {
    const text = message.text();
    // The browser notes these itself, for the pages that give a text back.
    if (message.type() === 'error' && !/responded with a status of (401|412) /.test(text)) {
      complaints.push(`console: ${text}`);
    }
  });
  context.on('weberror', (error) => complaints.push(`script: ${error.error().message}`));
  context.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  context.on('request', (request) => {
    if (!isAllowed(request.url())) complaints.push(`request: ${request.url()}`);
  });
  context.on('response', (response) => {
    const { location } = response.headers();
    if (location === undefined) return;
    const url = new URL(location, response.url()).href;
    if (!isAllowed(url)) complaints.push(`redirect: ${url}`);
  });
  context.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText;
    // The second click of two overtakes the first.
    const overtaken = request.isNavigationRequest() && reason === 'net::ERR_ABORTED';
    if (!overtaken) complaints.push(`failed: ${request.url()} ${reason}`);
  });
  return complaints;
}

/** Waits for what a page or Redis is going to say. */
const soon = <T>(read: () => T) => expect.poll(read, { timeout: PATIENCE, interval: 20 });

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const link = (page: Page, name: string) => page.getByRole('link', { name, exact: true });
const composer = (page: Page) => page.getByRole('textbox', { name: '새 메모' });
const editor = (page: Page) => page.getByRole('textbox', { name: '내가 쓴 글' });
const pinned = (page: Page) => page.getByRole('region', { name: '고정한 메모' });

/** The texts of the memos as they are seen, from the top. */
const memosOn = (within: Page | Locator) =>
  within.getByRole('article').locator('.text').allInnerTexts();

const cardOf = (page: Page, text: string) => page.getByRole('article').filter({ hasText: text });
const cardButton = (page: Page, text: string, name: string) =>
  cardOf(page, text).getByRole('button', { name, exact: true });

async function logIn(page: Page, name = '김메모') {
  const offered = page.getByRole('radio', { name });
  await button(page, '동의하고 로그인').waitFor();
  if (await offered.count()) await offered.check();
  else await page.getByLabel('다른 이름').fill(name);
  await button(page, '동의하고 로그인').click();
}

async function write(page: Page, text: string) {
  await composer(page).fill(text);
  await button(page, '저장').click();
}

async function openEditor(page: Page, text: string) {
  await cardOf(page, text).getByRole('link', { name: '수정' }).click();
  await editor(page).waitFor();
}

const seesInvitation = (page: Page) => link(page, '네이버 로그인').waitFor();

/** A world, and somebody in it who has just logged in. */
async function comeIn(place: Place, options: BrowserContextOptions = {}, name?: string) {
  const world = await startWorld(place);
  const opened = await openBrowser(world, options);
  await opened.page.goto(world.page);
  await link(opened.page, '네이버 로그인').click();
  await logIn(opened.page, name);
  await composer(opened.page).waitFor();
  return { world, ...opened };
}

/** Saves memos with the browser's cookie, as somebody's script might. */
async function sendByProgram(world: World, context: BrowserContext, count: number) {
  const Cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  for (let i = 0; i < count; i++) {
    const answer = await fetch(`${world.page}memo`, {
      method: 'POST',
      headers: { Cookie, 'Content-Type': 'application/json' },
      body: JSON.stringify({ text: `보낸 ${i}` }),
    });
    expect(answer.status).toBe(201);
  }
}

/** What the Tab key stops at. */
const CONTROLS = 'a[href], button, textarea, input:not([type=hidden])';

const isFocused = (locator: Locator) =>
  locator.evaluate((element) => element === document.activeElement);

async function tabTo(locator: Locator) {
  for (let presses = 0; presses < 40 && !(await isFocused(locator)); presses++) {
    await locator.page().keyboard.press('Tab');
  }
  expect(await isFocused(locator)).toBe(true);
}

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
  { browsing: 'with JavaScript', javaScriptEnabled: true },
  { browsing: 'without JavaScript', javaScriptEnabled: false },
])('in a browser $browsing', ({ javaScriptEnabled }) => {
  test.each(Object.keys(PLACES) as Place[])(
    'somebody writes, finds again and keeps everything, %s',
    { timeout: 60_000 },
    async (place) => {
      const world = await startWorld(place);
      const { context, page, step } = await openBrowser(world, { javaScriptEnabled });

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
        await button(page, '저장').dblclick();
        await soon(() => memosOn(page)).toEqual([TWICE, FIRST]);
        expect(await world.texts()).toEqual([TWICE, FIRST]);
      });

      await step(
        'pressing once more, when the answer does not come, saves nothing more',
        async () => {
          const sent: Route[] = [];
          await page.route(`${world.page}memo`, (route) => void sent.push(route));
          await composer(page).fill(AGAIN);
          await button(page, '저장').click({ noWaitAfter: true });
          await soon(() => sent.length).toBe(1);
          // It reaches the server; the answer does not reach the page.
          const [form] = sent as [Route];
          const headers = { ...form.request().headers(), 'sec-fetch-site': 'same-origin' };
          await form.fetch({ headers, maxRedirects: 0 });
          expect(await world.texts()).toEqual([AGAIN, TWICE, FIRST]);
          await page.keyboard.press('Enter'); // the button still has the focus
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
        await button(page, '저장').click();
        await soon(() => memosOn(page)).toEqual([AGAIN, TWICE, FIRST]);
        expect(await world.stored()).toEqual(before);
      });

      await step('an edited memo shows its new text, and that it was edited', async () => {
        await openEditor(page, TWICE);
        await editor(page).fill(EDITED);
        await button(page, '저장').click();
        await soon(() => memosOn(page)).toEqual([AGAIN, EDITED, FIRST]);
        await cardOf(page, EDITED).getByText('수정:').waitFor();
        expect(await cardOf(page, FIRST).getByText('수정:').count()).toBe(0);
        expect(await world.texts()).toEqual([AGAIN, EDITED, FIRST]);
      });

      await step(
        'two pages edit the same memo, and the later one is shown both texts',
        async () => {
          await openEditor(page, EDITED);
          const other = await context.newPage();
          await other.goto(world.page);
          await openEditor(other, EDITED);
          await editor(other).fill(THEIRS);
          await button(other, '저장').click();
          await soon(() => memosOn(other)).toEqual([AGAIN, THEIRS, FIRST]);
          await other.close();

          await editor(page).fill(MINE);
          await button(page, '저장').click();
          await page
            .getByRole('region', { name: '지금 저장되어 있는 글' })
            .getByText(THEIRS)
            .waitFor();
          expect(await editor(page).inputValue()).toBe(MINE);
          expect(await world.texts()).toEqual([AGAIN, THEIRS, FIRST]);
        },
      );

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
        const found = await memosOn(page);
        while (await link(page, '이전 메모 더 보기').count()) {
          const newer = await memosOn(page);
          await link(page, '이전 메모 더 보기').click();
          await soon(() => memosOn(page)).not.toEqual(newer);
          await page.waitForLoadState();
          const shown = await memosOn(page);
          // The older ones come in the place of the newer, or below them.
          found.push(...shown.slice(shown[0] === found[0] ? found.length : 0));
        }
        expect(found).toHaveLength(124);
        expect(found).toEqual(await world.texts());
        expect(new Set(found).size).toBe(124);
      });

      await step('the newest ones are a link away', async () => {
        await link(page, '최신 메모로').click();
        await composer(page).waitFor();
        expect((await memosOn(page))[0]).toBe('넣은 59');
      });

      await step('when the login has expired, the text that was typed is still there', async () => {
        await composer(page).fill(LATE);
        await world.redis.del(...(await world.redis.keys('session:*')));
        await button(page, '저장').click();
        await link(page, '새 탭에서 네이버 로그인').waitFor();
        expect(await editor(page).inputValue()).toBe(LATE);
        expect(await world.texts()).not.toContain(LATE);
      });

      await step('and after logging in elsewhere it is saved, once', async () => {
        const opened = context.waitForEvent('page');
        await link(page, '새 탭에서 네이버 로그인').click();
        const tab = await opened;
        await logIn(tab);
        await tab.getByText('김메모', { exact: true }).waitFor();
        await tab.close();

        await button(page, '다시 저장').click();
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
    },
  );

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

  // The browser fetches the page anew, with a new key, and puts the old text into its form.
  test('going back and sending the same form again saves nothing more', async () => {
    const { world, page } = await comeIn('at the root of a host', { javaScriptEnabled });
    await write(page, FIRST);
    await soon(() => memosOn(page)).toEqual([FIRST]);
    await page.goBack();
    // A form that comes back empty has nothing to send.
    if (await composer(page).inputValue()) {
      const answered = page.waitForResponse((response) => response.request().method() === 'POST');
      await button(page, '저장').click();
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
      await tabTo(button(page, '저장'));
      await keyboard.press('Enter');
      await soon(() => memosOn(page)).toEqual(['자판으로 쓴 메모\n둘째 줄']);
    });

    await step('edits', async () => {
      await tabTo(cardOf(page, '자판').getByRole('link', { name: '수정' }));
      await keyboard.press('Enter');
      await soon(() => isFocused(editor(page))).toBe(true);
      await keyboard.press('ControlOrMeta+a');
      await keyboard.insertText('자판으로 고친 메모');
      await tabTo(button(page, '저장'));
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
    // Two in the bar, two to search, two to write, three at each memo, and the trash.
    expect(visible.length).toBe(6 + 3 * 3 + 1);

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
    const { world, page, context, step } = await comeIn('under /memo', PHONE, name);
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
      await button(other, '저장').click();
      await soon(async () => (await memosOn(other))[0]?.[0]).toBe('다');
      await other.close();
      await button(page, '저장').click();
      await button(page, '내 글로 저장').waitFor();
      await fits();
    });
    await step('and on the invitation', async () => {
      await page.goto(world.page);
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
      await world.redis.del(...(await world.redis.keys('session:*')));
      await button(page, 'Save').click();
      await page.getByRole('heading', { name: 'You are not logged in' }).waitFor();
      await link(page, 'Log in with Naver in a new tab').waitFor();
      expect(await language()).toBe('en');
    });
  });
});
