/**
 * `npm run shots [folder]`: takes screenshots of every state of the pages, on a phone and a desktop, light
 * and dark, in Korean and English, and the screenshot in the README. Korean needs a font, such as Debian's
 * fonts-noto-cjk.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser } from '../src/testing/browser.ts';

const PORT = 8765;
const URL = `http://localhost:${PORT}`;

const LINES = [
  '장보기 #주말\n- [x] 우유\n- [ ] 달걀 한 판\n- [ ] 대파, 두부',
  '회의 메모: 다음 주 화요일 오후 3시, 자료는 월요일까지 공유하기 📎',
  '읽고 싶은 책\n『작별하지 않는다』\n『The Pragmatic Programmer』',
  '엄마 생신 선물 아이디어 🎁',
  'https://example.com/recipes/kimchi — 김치찌개 레시피',
  '버스 정류장 ID 23-285, 막차 23:10',
];

const DEVICES = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 },
  desktop: { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 },
};
const LANGUAGES = { ko: 'ko-KR', en: 'en-US' };
const THEMES = ['light', 'dark'] as const;

// The packaged browser would otherwise find only its own few fonts.
process.env.FONTCONFIG_PATH ??= '/etc/fonts';

const folder = resolve(process.argv[2] ?? 'dist/shots');
await mkdir(folder, { recursive: true });
const work = await mkdtemp(join(tmpdir(), 'memo-shots-'));
const server = spawn(
  process.execPath,
  [
    resolve(import.meta.dirname, '../node_modules/tsx/dist/cli.mjs'),
    resolve(import.meta.dirname, 'start.ts'),
  ],
  { cwd: work, env: { ...process.env, PORT: String(PORT) }, stdio: ['ignore', 'pipe', 'inherit'] },
);

const browser = await launchBrowser();
try {
  await new Promise<void>((resolve, reject) => {
    server.stdout.on('data', (data) => String(data).includes(`memo   ${URL}`) && resolve());
    server.once('exit', () => reject(new Error('the server has ended')));
  });
  for (const [device, screen] of Object.entries(DEVICES)) {
    for (const [language, locale] of Object.entries(LANGUAGES)) {
      for (const colorScheme of THEMES) {
        const context = await browser.newContext({ ...screen, locale, colorScheme });
        const page = await context.newPage();
        const shoot = async (state: string) => {
          const path = join(folder, `${device}-${language}-${colorScheme}-${state}.png`);
          // Sometimes the headless browser has no frame yet, and the screenshot times out.
          for (let left = 5; left > 0; left--) {
            const shot = page.screenshot({ path, fullPage: state === 'memos', timeout: 10_000 });
            if (await shot.catch(() => undefined)) return;
          }
          throw new Error(`no screenshot for ${path}`);
        };
        await visit(page, shoot, `${device}${language}${colorScheme}`);
        await context.close();
      }
    }
  }
  await shootForReadme(browser);
} finally {
  await browser.close();
  server.kill('SIGINT');
  await new Promise((resolve) => server.once('exit', resolve));
  await rm(work, { recursive: true, force: true });
}

async function logIn(page: Page, name: string): Promise<void> {
  await page.goto(URL);
  await page.locator('.naver').click();
  await page.locator('input[name=name]').fill(name);
  await page.locator('button[value=agree]').click();
}

async function write(page: Page, text: string): Promise<void> {
  await page.locator('#new textarea').fill(text);
  await page.locator('#new button').click();
  await page
    .locator('article .text', { hasText: text.split('\n', 1)[0]! })
    .first()
    .waitFor();
}

/** Takes each state once; each follows from the one before. */
async function visit(page: Page, shoot: (state: string) => Promise<void>, name: string) {
  await page.goto(URL);
  await shoot('invitation');
  await logIn(page, name);
  await page.locator('#new').waitFor();
  await shoot('empty');
  for (const text of LINES) await write(page, text);
  await page.locator('article > footer > [formaction$="/pin"]').last().click();
  await page.locator('#pinned').waitFor();
  await page.goto(URL);
  await shoot('memos');
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await shoot('keys');
  await page.keyboard.press('Escape');

  await page.locator('.search input').pressSequentially('ㅁㅁ');
  await page.locator('mark').first().waitFor();
  await shoot('search');
  await page.locator('.search input').fill('없는 글');
  await page.locator('.empty').waitFor();
  await shoot('nothing-found');
  await page.goto(URL);

  await page.locator('article > footer > a').nth(1).click();
  await page.locator('.editor').waitFor();
  await shoot('edit');
  await page.locator('.editor textarea').fill('내가 고친 글: 우유는 이미 샀음');
  // An edit on another device.
  const form = page.locator('.editor form');
  await page.request.patch(`${URL}${await form.getAttribute('action')}`, {
    data: { text: '다른 기기에서 고친 글' },
  });
  await form.locator('button').click();
  await page.locator('#draft').waitFor();
  await shoot('conflict');
  await page.locator('#draft button').click();
  await page.locator('#new').waitFor();

  await page.locator('article > footer > [formaction$="/delete"]').last().click();
  await page.locator('#notice .notice').waitFor();
  await shoot('deleted');
  await page.goto(`${URL}/trash?confirm=1`);
  await shoot('trash');
  await page.goto(`${URL}/nothing`);
  await shoot('not-found');
  await page.goto(URL);
  for (let i = 0; i < 50; i++) {
    await page.request.post(`${URL}/memo`, {
      data: { text: `${i + 1}번째 메모\n${LINES[i % 6]}` },
    });
  }
  await page.goto(URL);
  await shoot('many');
  await page.context().clearCookies();
  await page.locator('#new textarea').fill('로그인이 끝난 줄 모르고 쓴 글');
  await page.locator('#new button').click();
  await page.locator('#notice .notice').waitFor();
  await shoot('logged-out');
  await page.goto(`${URL}/oauth2?state=x`);
  await shoot('login-expired');
}

async function shootForReadme(browser: Browser): Promise<void> {
  const page = await browser.newPage({
    viewport: { width: 760, height: 720 },
    locale: 'ko-KR',
    colorScheme: 'light',
  });
  await logIn(page, '김메모');
  for (const text of LINES.slice(0, 4).reverse()) await write(page, text);
  await page.locator('article > footer > [formaction$="/pin"]').nth(1).click();
  await page.locator('#pinned').waitFor();
  await page.goto(URL);
  await page.screenshot({ path: resolve(import.meta.dirname, 'screenshot.png') });
}
