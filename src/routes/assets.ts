import { Hono } from 'hono';
import type { Assets } from '../http/assets.ts';
import type { Env } from '../http/env.ts';
import { preferredCoding } from '../http/negotiate.ts';
import { Problem } from '../http/problem.ts';
import { respond } from '../http/respond.ts';

/** Static files, served from memory: only names that the build made exist. */
export function assetRoutes(assets: Assets) {
  const files = new Map(Object.values(assets).map((asset) => [asset.file, asset]));

  const app = new Hono<Env>();

  // A static file, in the coding that the client prefers.
  app.get('/:file', (c) => {
    const asset = files.get(c.req.param('file'));
    if (!asset) throw new Problem('not-found');
    const coding = preferredCoding(c.req.header('Accept-Encoding'), ['br', 'gzip']);
    return respond(c, asset[coding ?? 'identity'], {
      headers: {
        'Content-Type': asset.type,
        ...(coding && { 'Content-Encoding': coding }),
        Vary: 'Accept-Encoding',
        // Immutable, because the name changes with the content.
        'Cache-Control': 'public, max-age=31536000, immutable',
      },
    });
  });

  return app;
}
