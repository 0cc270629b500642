import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Compress } from './env.ts';

const [brotli, zip] = [promisify(brotliCompress), promisify(gzip)];

/** Node's own compression, off the main thread; brotli at a level that takes about a millisecond or two. */
export const compress: Compress = async (body, coding) => {
  if (coding === 'gzip') return zip(body);
  return brotli(body, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 5,
      [constants.BROTLI_PARAM_SIZE_HINT]: body.byteLength,
    },
  });
};
