import { Hono } from 'hono';
import type { Assets } from '../assets.ts';
import type { Env } from '../env.ts';
import { Problem } from '../problem.ts';

type Coding = 'br' | 'gzip' | 'identity';

/** Static files, from memory: a name that the build did not make does not exist. */
export function assetRoutes(assets: Assets) {
  const files = new Map(
    Object.values(assets).map(({ file, type, ...bodies }) => [
      file,
      {
        type,
        br: decodeBase64(bodies.br),
        gzip: decodeBase64(bodies.gzip),
        identity: decodeBase64(bodies.identity),
      },
    ]),
  );

  const app = new Hono<Env>();
  app.get('/:file', (c) => {
    const asset = files.get(c.req.param('file'));
    if (!asset) throw new Problem(404, 'not-found');
    const coding = preferredCoding(c.req.header('Accept-Encoding'));
    return c.body(asset[coding], 200, {
      'Content-Type': asset.type,
      ...(coding !== 'identity' && { 'Content-Encoding': coding }),
      Vary: 'Accept-Encoding',
      // The name changes with the content.
      'Cache-Control': 'public, max-age=31536000, immutable',
    });
  });
  return app;
}

/** The smallest coding that the browser takes; one with weight 0 is refused (RFC 9110 §12.5.3). */
function preferredCoding(acceptEncoding = ''): Coding {
  const taken = acceptEncoding
    .toLowerCase()
    .split(',')
    .map((coding) => coding.split(';').map((part) => part.trim()))
    .filter(([, weight]) => !/^q=0(\.0*)?$/.test(weight ?? ''))
    .map(([name]) => name);
  return (['br', 'gzip'] as const).find((coding) => taken.includes(coding)) ?? 'identity';
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
