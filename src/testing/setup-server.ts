import { build } from 'esbuild';
import { serverOptions } from '../../scripts/build.ts';

/** Builds the server, before any test starts it. */
export default async function setup() {
  await build(serverOptions);
}
