/** What the stories in a browser share: a world for each, and the words for what people do in it. */
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
} from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { startNaverStandIn } from '../../scripts/naver.ts';
import { findFreePort, startRedis } from '../../scripts/redis.ts';
import { launchBrowser } from './browser.ts';
import { startServer } from './server.ts';
import { logInWithNaver } from './stage.ts';

export const PATIENCE = 10_000; // ms until something has to be seen
const STEP_LIMIT = 20_000; // ms for one step of a story, as not every call has a limit of its own

/** Where a deployment puts the app, and who takes the prefix off. */
export const PLACES = {
  'at the root of a host': { prefix: '', stripped: false },
  'under /memo': { prefix: '/memo', stripped: false },
  'behind a proxy that strips /memo': { prefix: '/memo', stripped: true },
};
export type Place = keyof typeof PLACES;

let browser: Browser;

/** One browser for all stories of a file, and one world for those at the same place. */
export function useBrowser(): void {
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    for (const world of worlds.values()) await world.end();
  });
}

/** The worlds of this file. */
const worlds = new Map<Place, Awaited<ReturnType<typeof createWorld>>>();

/** The server, a Redis that holds nothing yet, and the Naver stand-in. */
export async function startWorld(place: Place) {
  const world = worlds.get(place) ?? (await createWorld(place));
  worlds.set(place, world);
  await world.redis.flushall();
  return world;
}

async function createWorld(place: Place) {
  const { prefix, stripped } = PLACES[place];
  const dir = await mkdtemp(join(tmpdir(), 'memo-story-'));
  let storage = await startRedis({ dir });
  const serverPort = await findFreePort();
  const proxy = stripped ? await startProxy(prefix, serverPort) : undefined;
  const origin = `http://localhost:${proxy?.port ?? serverPort}`;
  const url = origin + prefix;
  const naver = await startNaverStandIn({ callbackUrls: [`${url}/oauth2`] });
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
  let server = await startServer(env, { outlivesTest: true });

  const redis = new Redis(storage.url);
  redis.on('error', () => {}); // it is stopped in the middle of the story

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
      server = await startServer(env, { outlivesTest: true });
    },
    async end() {
      await server.stop('SIGKILL');
      redis.disconnect();
      await storage.kill();
      await naver.close();
      proxy?.close();
      await rm(dir, { recursive: true, force: true });
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
export type World = Awaited<ReturnType<typeof startWorld>>;

/** A proxy in front of the server that takes the prefix off; outside of it, it has nothing. */
async function startProxy(prefix: string, port: number) {
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
  await once(proxy, 'listening');
  return {
    port: (proxy.address() as { port: number }).port,
    close() {
      proxy.close();
      proxy.closeAllConnections();
    },
  };
}

/** A browser of somebody's own, in which nothing may go wrong without being noticed. */
export async function openBrowser(world: World, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ locale: 'ko-KR', ...options });
  onTestFinished(() => context.close());
  context.setDefaultTimeout(PATIENCE);
  /** what this story makes the browser complain about on purpose */
  const forgiven: RegExp[] = [];
  /** how the questions of this story are answered */
  const answers: { question: RegExp; yes: boolean }[] = [];
  const all = watch(context, world, answers);
  const complaints = () => all.filter((it) => !forgiven.some((pattern) => pattern.test(it)));
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
    expect(complaints()).toEqual([]);
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

  return {
    context,
    page,
    step,
    forgive: (pattern: RegExp) => void forgiven.push(pattern),
    /** What the next question that fits is answered with. */
    answer: (question: RegExp, yes: boolean) => void answers.push({ question, yes }),
  };
}

/** Whether an address is one of this app's, behind the prefix. */
function isOurs({ origin, prefix }: World, address: string): boolean {
  const url = new URL(address);
  return url.origin === origin && `${url.pathname}/`.startsWith(`${prefix}/`);
}

/** What no page of ours may do; complaints are added as they come. */
function watch(
  context: BrowserContext,
  world: World,
  answers: { question: RegExp; yes: boolean }[],
): string[] {
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
    const at = answers.findIndex(({ question }) => question.test(dialog.message()));
    if (at < 0) complaints.push(`dialog: ${dialog.message()}`);
    const [answer] = at < 0 ? [] : answers.splice(at, 1);
    return answer?.yes ? dialog.accept() : dialog.dismiss();
  });
  context.on('request', (request) => {
    if (!isAllowed(request.url())) complaints.push(`request: ${request.url()}`);
  });
  context.on('page', (page) => page.on('domcontentloaded', () => listening.delete(page)));
  context.on('response', (response) => {
    if (response.url().endsWith('/memo/events') && response.ok()) {
      listening.add(response.frame().page());
    }
    const { location } = response.headers();
    if (location === undefined) return;
    const url = new URL(location, response.url()).href;
    if (!isAllowed(url)) complaints.push(`redirect: ${url}`);
  });
  context.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText;
    // The second click of two overtakes the first; whoever leaves a page waits for nothing on it.
    const needless = request.isNavigationRequest() || request.method() === 'GET';
    if (!needless || reason !== 'net::ERR_ABORTED')
      complaints.push(`failed: ${request.url()} ${reason}`);
  });
  return complaints;
}

/** How requests fail while the server is away; a proxy in front hangs up on them. */
export const AWAY = /net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE)/;

/** Pages whose stream of events is open. */
const listening = new WeakSet<Page>();
export const listens = (page: Page) => soon(() => listening.has(page)).toBe(true);

/** Waits for what a page or Redis is going to say. */
export const soon = <T>(read: () => T) => expect.poll(read, { timeout: PATIENCE, interval: 20 });

export const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
export const link = (page: Page, name: string) => page.getByRole('link', { name, exact: true });
export const composer = (page: Page) => page.getByRole('textbox', { name: '새 메모' });
export const editor = (page: Page) => page.getByRole('textbox', { name: '내가 쓴 글' });
/** The button that saves what is in a field. */
export const saver = (field: Locator) =>
  field.locator('xpath=ancestor::form').getByRole('button', { name: '저장', exact: true });
export const pinned = (page: Page) => page.getByRole('region', { name: '고정한 메모' });

/** The texts of the memos as they are seen, from the top. */
export const memosOn = (within: Page | Locator) =>
  within.getByRole('article').locator('.text').allInnerTexts();

export const cardOf = (page: Page, text: string) =>
  page.getByRole('article').filter({ hasText: text });
export const cardButton = (page: Page, text: string, name: string) =>
  cardOf(page, text).getByRole('button', { name, exact: true });

export async function logIn(page: Page, name = '김메모') {
  const offered = page.getByRole('radio', { name });
  await button(page, '동의하고 로그인').waitFor();
  if (await offered.count()) await offered.check();
  else await page.getByLabel('다른 이름').fill(name);
  await button(page, '동의하고 로그인').click();
}

export async function write(page: Page, text: string) {
  await composer(page).fill(text);
  await saver(composer(page)).click();
}

export async function openEditor(page: Page, text: string) {
  await cardOf(page, text).getByRole('link', { name: '수정' }).click();
  await editor(page).waitFor();
}

export const seesInvitation = (page: Page) => link(page, '네이버 로그인').waitFor();

/** Logs in without the browser, and puts the session's cookie into it. Logging in by pages is the story's. */
export async function giveSession(world: World, context: BrowserContext, name = '김메모') {
  const { token } = await logInWithNaver(`${world.page}login`, world.naver.url, name);
  const path = world.prefix || '/';
  const cookie = { name: 'userId', value: token, domain: 'localhost', path, httpOnly: true };
  await context.addCookies([{ ...cookie, sameSite: 'Lax' }]);
}

/** A world, and somebody in it who is logged in. */
export async function comeIn(place: Place, options: BrowserContextOptions = {}, name = '김메모') {
  const world = await startWorld(place);
  const opened = await openBrowser(world, options);
  await giveSession(world, opened.context, name);
  await opened.page.goto(world.page);
  await composer(opened.page).waitFor();
  await opened.page.waitForLoadState(); // with its script, which one may lack the network for later
  return { world, ...opened };
}

/** Saves memos with the browser's cookie, as somebody's script might. */
export async function sendByProgram(world: World, context: BrowserContext, count: number) {
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
export const CONTROLS = 'a[href], button, textarea, input:not([type=hidden])';

export const isFocused = (locator: Locator) =>
  locator.evaluate((element) => element === document.activeElement);

export async function tabTo(locator: Locator) {
  for (let presses = 0; presses < 40 && !(await isFocused(locator)); presses++) {
    await locator.page().keyboard.press('Tab');
  }
  expect(await isFocused(locator)).toBe(true);
}
