import * as zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { createTestApp } from '../testing/app.ts';

const { logIn, app } = createTestApp();
const OWN = { 'Sec-Fetch-Site': 'same-origin' };

test('pages are compressed with the coding that the browser prefers', async () => {
  const me = await logIn();
  await me.send('POST', '/memo', { text: '장보기 '.repeat(500) });
  const get = async (headers: Record<string, string>) => {
    const response = await me.request('/trash', { headers });
    const body = Buffer.from(await response.arrayBuffer());
    expect(response.headers.get('Vary')).toBe('Accept-Encoding, Sec-Fetch-Site');
    return { coding: response.headers.get('Content-Encoding'), body };
  };
  const plain = await get(OWN);
  expect(plain.coding).toBeNull();
  expect(plain.body.toString()).toMatch(/^<!DOCTYPE html>.*<\/html>$/s);
  // Node has zstd since 22.15.
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: typeof zlib.gunzipSync };
  for (const [asked, given, read] of [
    ['gzip, deflate, br, zstd', zstdDecompressSync ? 'zstd' : 'br', zstdDecompressSync],
    ['zstd;q=0, gzip, deflate, br', 'br', zlib.brotliDecompressSync],
    ['gzip, deflate, br', 'br', zlib.brotliDecompressSync],
    ['gzip, br;q=0', 'gzip', zlib.gunzipSync],
  ] as const) {
    const { coding, body } = await get({ 'Sec-Fetch-Site': 'none', 'Accept-Encoding': asked });
    expect(coding).toBe(given);
    expect((read ?? zlib.brotliDecompressSync)(body).equals(plain.body)).toBe(true);
    expect(body.length).toBeLessThan(plain.body.length / 2);
  }
  // A long page is compressed in another thread.
  const long = '장보기 목록 '.repeat(2_500);
  for (let i = 0; i < 8; i++) await me.send('POST', '/memo', { text: `${i} ${long}` });
  const response = await me.request('/', { headers: { ...OWN, 'Accept-Encoding': 'br' } });
  const read = zlib.brotliDecompressSync(Buffer.from(await response.arrayBuffer())).toString();
  expect(Buffer.byteLength(read)).toBeGreaterThan(128 * 1024);
  expect(read.split(long.trim()).length).toBe(9);
});

test('pages are not compressed for cross-site requests, nor without Sec-Fetch-Site', async () => {
  const me = await logIn();
  const get = (site: Record<string, string>) =>
    me.request('/?q=x', { headers: { 'Accept-Encoding': 'br', ...site } });
  for (const site of ['cross-site', 'same-site', 'anything']) {
    const response = await get({ 'Sec-Fetch-Site': site });
    expect(response.headers.get('Content-Encoding')).toBeNull();
    expect(await response.text()).toMatch(/^<!DOCTYPE html>/);
  }
  expect((await get({})).headers.get('Content-Encoding')).toBeNull();
});

test('responses that are small, not HTML, or already compressed are sent as they are', async () => {
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
  expect(zlib.brotliDecompressSync(Buffer.from(await asset.arrayBuffer())).toString()).toContain(
    'body{',
  );
});
