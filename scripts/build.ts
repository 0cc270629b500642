/**
 * Builds `dist/`: the server with its packages in `index.js`, its compiled code in `cache/`, and the static
 * files in `assets.json`. `npm run build` and the image run it; `npm start` and the tests import parts.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { type BuildOptions, build, type Metafile } from 'esbuild';
import type { Asset, Assets } from '../src/http/assets.ts';

const ROOT = resolve(import.meta.dirname, '..');

/** esbuild's options for the server. */
export const serverOptions = {
  absWorkingDir: ROOT,
  entryPoints: ['src/index.ts'],
  outfile: 'dist/index.js',
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  loader: { '.lua': 'text' },
  metafile: true,
  // CommonJS packages call `require` for Node's modules.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
} satisfies BuildOptions;

/** An asset in `assets.json`, with its bytes in base64. */
type EncodedAsset = Record<keyof Asset, string>;

/** Builds the static files: minified, compressed, with a hash of the content in the name. */
async function buildAssets(): Promise<Record<keyof Assets, EncodedAsset>> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [
      'src/client/app.ts',
      'src/client/style.css',
      'src/client/icon.svg',
      'src/client/icon.png',
    ],
    outdir: 'dist',
    loader: { '.svg': 'copy', '.png': 'copy' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2023',
    legalComments: 'none',
    write: false,
  });
  const content = (name: string) => {
    const file = outputFiles.find(({ path }) => path.endsWith(`/${name}`));
    if (!file) throw new Error(`the build made no ${name}`);
    return file.contents;
  };
  return {
    'app.js': asset('app.js', 'text/javascript; charset=utf-8', content('app.js')),
    'style.css': asset('style.css', 'text/css; charset=utf-8', content('style.css')),
    'icon.svg': asset('icon.svg', 'image/svg+xml; charset=utf-8', content('icon.svg')),
    'icon.png': asset('icon.png', 'image/png', content('icon.png')),
  };
}

function asset(name: string, type: string, content: Uint8Array): EncodedAsset {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 8);
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  return {
    file: name.replace('.', `.${hash}.`),
    type,
    identity: base64(content),
    gzip: base64(gzipSync(content, { level: 9 })),
    br: base64(
      brotliCompressSync(content, {
        params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
      }),
    ),
  };
}

/** Writes `dist/assets.json`. */
export async function writeAssets(): Promise<void> {
  await mkdir(resolve(ROOT, 'dist'), { recursive: true });
  await writeFile(resolve(ROOT, 'dist/assets.json'), JSON.stringify(await buildAssets()));
}

/** Writes `dist/LICENSES.txt`: the licences of all bundled packages, which require it. */
async function writeLicenses({ inputs }: Metafile): Promise<void> {
  const packages = new Set(
    Object.keys(inputs).flatMap(
      (file) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? [],
    ),
  );
  const notices = [...packages].sort().map(async (path) => {
    const file = (await readdir(resolve(ROOT, path))).find((name) => /^licen[cs]e/i.test(name));
    if (!file) throw new Error(`${path} has no licence file`);
    return `${path.replace('node_modules/', '')}\n\n${await readFile(resolve(ROOT, path, file), 'utf8')}`;
  });
  await writeFile(resolve(ROOT, 'dist/LICENSES.txt'), (await Promise.all(notices)).join('\n\n'));
}

/**
 * Writes `dist/cache/`, the compiled code of the server, for a faster start. Node ignores a cache of
 * another version or another CPU architecture; Node 20 has no such cache.
 * @param node the program that will run the server
 */
export async function writeCompileCache(node = process.execPath): Promise<void> {
  const folder = resolve(ROOT, 'dist/cache');
  // Without a configuration the server exits at once; Node then writes the code compiled so far.
  spawnSync(node, ['dist/index.js'], {
    cwd: ROOT,
    env: { NODE_COMPILE_CACHE: folder, NODE_COMPILE_CACHE_PORTABLE: '1' },
    stdio: 'ignore',
  });
  // Node makes the files readable by their owner only. In the image that is root, not the server's user.
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isFile()) await chmod(resolve(entry.parentPath, entry.name), 0o644);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  // The image keeps these modes. Its server runs as another user, who can read the files but not write.
  process.umask(0o022);
  await rm(resolve(ROOT, 'dist'), { recursive: true, force: true });
  await writeAssets();
  const { metafile } = await build(serverOptions);
  await writeLicenses(metafile);
  await writeCompileCache();
}
