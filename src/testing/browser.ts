/** A real Chromium: the one that `CHROMIUM` names, or the one that comes as an npm package. */
import { type Browser, chromium } from 'playwright-core';

export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || (await packagedChromium()),
    // Its sandbox needs rights that a container does not give, and to emulate a graphics card is a
    // lot of work for pages of text. None of the package's own arguments: some of them turn off the
    // very rules that the tests rely on.
    args: ['--no-sandbox', '--disable-gpu', '--disable-software-rasterizer'],
  });
}

/** Unpacks it, where that has not been done yet. @returns its path */
export async function packagedChromium(): Promise<string> {
  // Read when the package is imported: it then unpacks the libraries that a bare machine lacks.
  process.env.AWS_EXECUTION_ENV ??= 'AWS_Lambda_nodejs22.x';
  const { default: packaged } = await import('@sparticuz/chromium');
  return packaged.executablePath();
}
