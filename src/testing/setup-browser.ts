import { packagedChromium } from './browser.ts';

/** Unpacks Chromium, once: a program that is still being written cannot be started. */
export default async function setup() {
  if (!process.env.CHROMIUM) await packagedChromium();
}
