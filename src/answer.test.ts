import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { createTestApp } from './testing/app.ts';

const { logIn, app } = createTestApp();
const OWN = { 'Sec-Fetch-Site': 'same-origin' };

test('pages are compressed as the browser asks, and read the same', async () => {
  const me = await logIn();
  await me.send('POST', '/memo', { text: '장보기 '.repeat(500) });
  const get = async (headers: Record<string, string>) => {
    const answer = await me.request('/trash', { headers });
    const body = Buffer.from(await answer.arrayBuffer());
    expect(answer.headers.get('Vary')).toBe('Accept-Encoding, Sec-Fetch-Site');
    return { coding: answer.headers.get('Content-Encoding'), body };
  };
  const plain = await get(OWN);
  expect(plain.coding).toBeNull();
  expect(plain.body.toString()).toMatch(/^<!DOCTYPE html>.*<\/html>$/s);
  const br = await get({ ...OWN, 'Accept-Encoding': 'gzip, deflate, br, zstd' });
  expect(br.coding).toBe('br');
  expect(brotliDecompressSync(br.body).equals(plain.body)).toBe(true);
  const gzip = await get({ 'Sec-Fetch-Site': 'none', 'Accept-Encoding': 'gzip, br;q=0' });
  expect(gzip.coding).toBe('gzip');
  expect(gunzipSync(gzip.body).equals(plain.body)).toBe(true);
  for (const body of [br.body, gzip.body]) expect(body.length).toBeLessThan(plain.body.length / 2);
});

test('what another site asks for is not, nor what does not say who asks', async () => {
  const me = await logIn();
  const get = (site: Record<string, string>) =>
    me.request('/?q=x', { headers: { 'Accept-Encoding': 'br', ...site } });
  for (const site of ['cross-site', 'same-site', 'anything']) {
    const answer = await get({ 'Sec-Fetch-Site': site });
    expect(answer.headers.get('Content-Encoding')).toBeNull();
    expect(await answer.text()).toMatch(/^<!DOCTYPE html>/);
  }
  expect((await get({})).headers.get('Content-Encoding')).toBeNull();
});

test('nor what is small, what is no page, or what is compressed already', async () => {
  const me = await logIn();
  const headers = { ...OWN, 'Accept-Encoding': 'br' };
  await me.send('POST', '/memo', { text: '장보기 '.repeat(500) });
  for (const path of ['/memo', '/memo?limit=1', '/healthz']) {
    expect((await me.request(path, { headers })).headers.get('Content-Encoding')).toBeNull();
  }
  const small = await me.request('/?edit=7', { headers: { ...headers, 'HX-Request': 'true' } });
  expect([small.status, small.headers.get('Content-Encoding')]).toEqual([404, null]);
  const [style] = /\/assets\/style\.\w+\.css/.exec(await (await app.request('/')).text())!;
  const asset = await app.request(style!, { headers });
  expect(asset.headers.get('Content-Encoding')).toBe('br');
  expect(brotliDecompressSync(Buffer.from(await asset.arrayBuffer())).toString()).toContain(
    'body{',
  );
});
