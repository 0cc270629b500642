import { expect, test } from 'vitest';
import { assets, createTestApp } from '../testing/app.ts';

test('static files have their content type and charset', async () => {
  const { app } = createTestApp();
  const types: Record<string, string | null> = {};
  for (const [name, { file }] of Object.entries<{ file: string }>(assets)) {
    const response = await app.request(`/assets/${file}`);
    expect(response.status).toBe(200);
    types[name] = response.headers.get('Content-Type');
  }
  expect(types).toEqual({
    'app.js': 'text/javascript; charset=utf-8',
    'style.css': 'text/css; charset=utf-8',
    'icon.svg': 'image/svg+xml; charset=utf-8',
    'icon.png': 'image/png',
  });
});
