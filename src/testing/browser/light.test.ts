/** The page is light, loads nothing twice, stands still, and runs nothing that is not ours. */
import type { BrowserContext, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { comeIn, memosOn, useBrowser } from '../world.ts';

useBrowser();

/** Fifty memos of about 80 characters, of words that come as they come, as in what people write. */
const WORDS =
  '장보기 회의 엄마 병원 예약 내일 오후 세시 자료 준비 책 반납 도서관 우유 두부 대파 계란 친구 생일 선물 운동 저녁 약속 ' +
  '지하철 막차 시간 여행 비행기 숙소 이메일 답장 보고서 마감 아이 학교 준비물 사진 앨범 정리 은행 이체 월세 전기 요금 ' +
  '빨래 청소 세탁소 김치 레시피 양념 고추장 간장 설탕 물 끓이기 아이디어 기획안 초안 발표 연습 면접 이력서 수정 전화번호 ' +
  '주소 택배 확인 환불 문의 강의 복습 시험 단어 외우기 영화 예매 공연 좌석 카페 모임 회비 계산 자전거 수리 화분 물주기';
const MEMOS = Array.from({ length: 50 }, (_, i) => {
  const words = WORDS.split(' ');
  const line = (n: number) =>
    Array.from(
      { length: 7 },
      (_, k) => words[((i + 3) * 7919 + n * 104_729 + k * k * 31 + k * i) % words.length],
    );
  return [line(1), line(2), line(3)].map((it) => it.join(' ')).join('\n');
});

/** What a page loads, as it goes over the wire: names, bytes with headers, and what blocks painting. */
async function load(page: Page, go: () => Promise<unknown>) {
  const cdp = await page.context().newCDPSession(page);
  const requests = new Map<string, { url: string; cached: boolean; bytes: number }>();
  await cdp.send('Network.enable');
  cdp.on('Network.requestWillBeSent', ({ requestId, request }) => {
    requests.set(requestId, { url: request.url, cached: false, bytes: 0 });
  });
  cdp.on('Network.requestServedFromCache', ({ requestId }) => {
    requests.get(requestId)!.cached = true;
  });
  cdp.on('Network.responseReceived', ({ requestId, response }) => {
    if (response.fromDiskCache) requests.get(requestId)!.cached = true;
  });
  cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    requests.get(requestId)!.bytes = encodedDataLength;
  });
  await go();
  await page.waitForLoadState('load');
  await cdp.detach();
  // It begins after the page is there, and goes on for as long as the page is.
  const loaded = [...requests.values()].filter(({ url }) => !url.endsWith('/memo/events'));
  return {
    fetched: loaded.filter(({ cached }) => !cached),
    bytes: loaded.filter(({ cached }) => !cached).reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

const nameOf = ({ url }: { url: string }) => new URL(url).pathname.replace(/\.\w{8}\./, '.');

describe('fifty memos', () => {
  test('come with 30 KB in four requests, and then with the page alone', async () => {
    const { world, page, context } = await comeIn('under /memo');
    await world.push(...MEMOS);
    // A browser that has never been here.
    const cookies = await context.cookies();
    const fresh: BrowserContext = await context.browser()!.newContext({ locale: 'ko-KR' });
    try {
      await fresh.addCookies(cookies);
      const first = await fresh.newPage();
      const { fetched, bytes } = await load(first, () => first.goto(world.page));
      expect(await memosOn(first)).toHaveLength(50);
      // The headless browser leaves the icon out; it is one more, of some 500 bytes.
      expect(fetched.map(nameOf).filter((name) => !name.endsWith('.svg'))).toEqual([
        '/memo/',
        '/memo/assets/style.css',
        '/memo/assets/app.js',
      ]);
      expect(bytes).toBeLessThan(29_000);
      const again = await load(first, () => first.goto(world.page));
      expect(again.fetched.map(nameOf)).toEqual(['/memo/']);
    } finally {
      await fresh.close();
    }
    expect(await page.locator('link[rel=stylesheet]').count()).toBe(1);
    const blocking = await page.evaluate(() =>
      performance
        .getEntriesByType('resource')
        .filter((it) => 'renderBlockingStatus' in it && it.renderBlockingStatus === 'blocking')
        .map(({ name }) => new URL(name).pathname),
    );
    expect(blocking).toEqual([expect.stringMatching(/style\.\w+\.css$/)]);
  });

  test.each([390, 1280])('stand still while they load, %i px wide', async (width) => {
    const { world, page } = await comeIn('under /memo', { viewport: { width, height: 800 } });
    await world.push(...MEMOS);
    await page.addInitScript(() => {
      const shifts: number[] = [];
      (window as { shifts?: number[] }).shifts = shifts;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          shifts.push((entry as PerformanceEntry & { value: number }).value);
        }
      }).observe({ type: 'layout-shift', buffered: true });
    });
    await page.goto(world.page);
    await page.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    );
    expect(await page.evaluate(() => (window as { shifts?: number[] }).shifts)).toEqual([]);
  });
});

describe('the content security policy', () => {
  test('is strict on every answer, and is enforced', async () => {
    const { page, forgive } = await comeIn('under /memo');
    forgive(/CSP: |console: |script: /); // what is tried here is refused loudly
    const policies = await page.evaluate(async () => {
      const answers = await Promise.all([
        fetch(''),
        fetch('', { headers: { 'HX-Request': 'true' } }),
        fetch('trash'),
        fetch('nothing'),
        fetch('memo'),
        fetch(document.querySelector('script')!.src),
      ]);
      return answers.map((answer) => answer.headers.get('Content-Security-Policy'));
    });
    for (const policy of policies) {
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).toContain("require-trusted-types-for 'script'");
      expect(policy).not.toMatch(/unsafe-|\*|data:|blob:|http/);
    }
    const tries: Record<string, () => unknown> = {
      'HTML from text': () => {
        document.body.innerHTML = '<b>x</b>';
      },
      'another policy': () =>
        (
          window as unknown as {
            trustedTypes: { createPolicy(name: string, rules: object): object };
          }
        ).trustedTypes.createPolicy('other', {}),
      'a second policy of our name': () =>
        (
          window as unknown as {
            trustedTypes: { createPolicy(name: string, rules: object): object };
          }
        ).trustedTypes.createPolicy('memo', {}),
      'code from text': () => {
        const script = document.createElement('script');
        script.text = 'document.title = "x"';
      },
      'an attribute that is code': () => document.body.setAttribute('onclick', 'alert(1)'),
      'a timer from text': () => setTimeout('document.title = "x"' as unknown as () => void),
    };
    for (const [what, attempt] of Object.entries(tries)) {
      const refused = await page
        .evaluate(attempt)
        .then(() => false)
        .catch(() => true);
      expect([what, refused]).toEqual([what, true]);
    }
    expect(await page.title()).not.toBe('x');
  });
});
