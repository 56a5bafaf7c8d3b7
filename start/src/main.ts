/** The program behind `npm start`: does the job and writes its page. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fullMeasurement } from '@refconv/reports';
import { stopAtInterrupt } from '@refconv/training/stop';
import { keptBaseline } from './baseline.js';
import { startData, withImages } from './data.js';
import { defaultFolder, HELP, readOptions, settle } from './options.js';
import { fullText } from './page.js';
import { writeReport } from './report.js';
import { start } from './start.js';

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    console.log(HELP);
    return;
  }
  const begin = performance.now();
  const found = await startData({ download: options.download, log: console.log });
  const settings = settle(options, found.data.name);
  const given = withImages(found, settings.images);
  const { name, train, test, source } = given.data;
  console.log(`Data: ${name}, ${train.count} training and ${test.count} test images (${source})`);
  const folder = resolve(options.output ?? defaultFolder(name, settings));
  const { signal, dispose } = stopAtInterrupt();
  const baseline = settings.baseline === 'kept' ? await keptBaseline() : undefined;
  const result = await start({ ...given, ...settings, baseline, folder, signal });
  dispose();
  baseline?.model.dispose();
  if (!result) {
    console.log('Stopped. The same command goes on from here.');
    process.exitCode = 130; // as a shell reports an interrupted program
    return;
  }
  const full = await fullMeasurement();
  const page = await writeReport(folder, result, full);
  const percent = (top1 = Number.NaN) => `${(100 * top1).toFixed(2)} %`;
  const [control, refconv] = [result.curves.control, result.curves.refconv].map((rows) => rows.at(-1)?.testTop1);
  console.log(
    `Test accuracy: baseline ${percent(result.baseline.testTop1)}, control ${percent(control)}, RefConv ${percent(refconv)}.`,
  );
  console.log(`This is one seed (${options.seed}), which proves nothing: try others by --seed.`);
  if (full) console.log(fullText(full));
  console.log(`Done in ${((performance.now() - begin) / 1000).toFixed(0)} s. The report: ${pathToFileURL(page)}`);
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
