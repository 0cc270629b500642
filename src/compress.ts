import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Compress } from './env.ts';

const [brotli, zip] = [promisify(brotliCompress), promisify(gzip)];

/**
 * Node's own compression, off the main thread. Brotli's level 4 takes two thirds of the time that 5
 * does, for 3 to 10 % more bytes.
 */
export const compress: Compress = async (body, coding) => {
  if (coding === 'gzip') return zip(body);
  return brotli(body, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 4,
      [constants.BROTLI_PARAM_SIZE_HINT]: body.byteLength,
    },
  });
};
