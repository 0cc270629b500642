/** The dependencies: exact versions with checksums, no install scripts, permissive licences. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

interface Locked {
  version?: string;
  license?: string;
  dev?: boolean;
  integrity?: string;
  hasInstallScript?: boolean;
}

const read = async (name: string) =>
  JSON.parse(await readFile(new URL(`../${name}`, import.meta.url), 'utf8'));
const manifest = await read('package.json');
const lock: Record<string, Locked> = (await read('package-lock.json')).packages;
const installed = Object.entries(lock).filter(([path]) => path !== '');

test('every dependency has an exact version in package.json and package-lock.json, and a checksum', () => {
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies };
  for (const [name, version] of Object.entries(wanted)) {
    expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
    expect(lock[`node_modules/${name}`]?.version).toBe(version);
  }
  for (const [path, { integrity }] of installed) {
    expect([path, integrity]).toEqual([path, expect.stringMatching(/^sha512-/)]);
  }
});

test('no production dependency has an install script', () => {
  const scripted = installed.filter(([, { dev, hasInstallScript }]) => !dev && hasInstallScript);
  expect(scripted).toEqual([]);
});

test('every production dependency has a licence that allows bundling it', () => {
  // BSD-0-Clause is the name that htmx uses for 0BSD.
  const allowed = /^(MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|BSD-0-Clause|BlueOak-1\.0\.0)$/;
  const others = installed
    .filter(([, { dev }]) => !dev)
    .filter(([, { license }]) => !allowed.test(license ?? ''));
  expect(others).toEqual([]);
});
