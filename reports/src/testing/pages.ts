/** Pages in a headless Chromium. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { startChromium } from '@refconv/export/testing/chromium';
import { expect } from 'chai';
import type { Browser, Locator, Page } from 'playwright-core';

export const PHONE = 375;

export interface OpenOptions {
  scheme?: 'light' | 'dark';
  width?: number;
}

/** A browser for one test file; its tests are skipped, with a message, where none can be started. */
export function browserForTests(): () => Browser {
  let browser: Browser | undefined;
  let stop: () => Promise<void> = async () => undefined;
  before(async function () {
    const started = await startChromium().catch((error: Error) => {
      if (process.env.REFCONV_CHROMIUM) throw error;
      console.log(`      (no Chromium can be started; REFCONV_CHROMIUM names one. ${error.message.split('\n')[0]})`);
    });
    if (!started) return this.skip();
    ({ browser, stop } = started);
  });
  after(() => stop());
  return () => browser as Browser;
}

/** Opens a page from the file system, has all its charts drawn, and lets a body look at it; anything on the console fails. */
export async function withPage(
  browser: Browser,
  path: string,
  { scheme = 'light', width = 1200 }: OpenOptions,
  body: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height: 800 } });
  const said: string[] = [];
  try {
    const page = await context.newPage();
    page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => said.push(`error: ${error.message}`));
    page.on('request', (request) => {
      if (!/^(file|data|blob):/.test(request.url())) said.push(`request of ${request.url()}`);
    });
    page.on('requestfailed', (request) => said.push(`${request.url()} cannot be loaded`));
    await page.goto(pathToFileURL(path).href);
    await drawCharts(page);
    await body(page);
    expect(said, path).to.deep.equal([]);
  } finally {
    await context.close();
  }
}

/** Brings each chart into view, and waits until it is interactive. */
async function drawCharts(page: Page): Promise<void> {
  for (const figure of await page.locator('figure[data-chart]').all()) {
    await figure.scrollIntoViewIfNeeded();
    await page.waitForFunction((each) => each?.classList.contains('drawn'), await figure.elementHandle());
  }
}

/** The texts of the cells of a table's body, row by row. */
export const tableCells = (within: Locator): Promise<string[][]> =>
  within
    .locator('tbody tr')
    .evaluateAll((rows) =>
      rows.map((row) =>
        Array.from((row as unknown as { cells: Iterable<{ textContent: string }> }).cells, (cell) => cell.textContent),
      ),
    );

/** Fails where axe-core finds something serious or critical. The thousands of marks within charts are left out: they take it half a minute. */
export async function expectAccessible(page: Page): Promise<void> {
  const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  await page.evaluate(await readFile(axe, 'utf8'));
  const found = (await page.evaluate("axe.run({ exclude: ['.role-mark'] }, { preload: false })")) as {
    violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
  };
  const serious = found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
    );
  expect(serious).to.deep.equal([]);
}

/** Fails where the page itself, not a part of it, scrolls sideways. */
export async function expectFits(page: Page): Promise<void> {
  const [scroll, client] = (await page.evaluate(
    '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
  )) as [number, number];
  expect(scroll).to.be.at.most(client);
}
