import { expect, test } from 'vitest';
import { assets, createTestApp } from '../testing/app.ts';

test('static files say what they are, and how their letters are written', async () => {
  const { app } = createTestApp();
  const types: Record<string, string | null> = {};
  for (const [name, { file }] of Object.entries<{ file: string }>(assets)) {
    const answer = await app.request(`/assets/${file}`);
    expect(answer.status).toBe(200);
    types[name] = answer.headers.get('Content-Type');
  }
  expect(types).toEqual({
    'app.js': 'text/javascript; charset=utf-8',
    'style.css': 'text/css; charset=utf-8',
    'icon.svg': 'image/svg+xml; charset=utf-8',
    'icon.png': 'image/png',
  });
});
