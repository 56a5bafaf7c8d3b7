/** A headless Chromium for tests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import packaged from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';

/** Runs as root and without a GPU too. */
const ARGUMENTS = [
  '--no-sandbox',
  '--no-zygote',
  '--disable-dev-shm-usage',
  '--ignore-gpu-blocklist',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
];

/** Starts the Chromium of REFCONV_CHROMIUM, or else the one of the package @sparticuz/chromium, unpacked into a folder of its own. */
export async function startChromium(): Promise<{ browser: Browser; stop: () => Promise<void> }> {
  const own = process.env.REFCONV_CHROMIUM;
  if (own) {
    const browser = await chromium.launch({ executablePath: own, args: ARGUMENTS });
    return { browser, stop: () => browser.close() };
  }
  const folder = await mkdtemp(join(tmpdir(), 'refconv-chromium-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  const before = process.env.TMPDIR;
  try {
    // The package takes any file named chromium in the temporary folder for its own.
    process.env.TMPDIR = folder;
    const executablePath = await packaged.executablePath();
    const browser = await chromium.launch({ executablePath, args: ARGUMENTS });
    return { browser, stop: () => browser.close().finally(remove) };
  } catch (error) {
    await remove();
    throw error;
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}
