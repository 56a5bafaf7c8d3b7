/** The program behind `npm start`: does the job and writes its page. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { start, startData } from '@refconv/experiments';
import { defaultFolder, HELP, readOptions } from './options.js';
import { writeReport } from './report.js';

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    console.log(HELP);
    return;
  }
  const begin = performance.now();
  const given = await startData({ ...options, log: console.log });
  const { name, train, test, source } = given.data;
  console.log(`Data: ${name}, ${train.count} training and ${test.count} test images (${source})`);
  const folder = resolve(options.output ?? defaultFolder(name, options));
  const stop = new AbortController();
  process.once('SIGINT', () => {
    stop.abort();
    console.error('\nStopping after this step, with a checkpoint; Ctrl-C again ends at once.');
  });
  const result = await start({ ...given, ...options, folder, signal: stop.signal });
  if (!result) {
    console.log('Stopped. The same command goes on from here.');
    process.exitCode = 130; // as a shell reports an interrupted program
    return;
  }
  const page = await writeReport(folder, result);
  const [baseline, control, refconv] = [result.curves.baseline, result.curves.control, result.curves.refconv].map(
    (rows) => `${(100 * (rows.at(-1)?.testTop1 ?? Number.NaN)).toFixed(2)} %`,
  );
  console.log(`Test accuracy: baseline ${baseline}, control ${control}, RefConv ${refconv}.`);
  console.log(`This is one seed (${options.seed}), which proves nothing: try others by --seed.`);
  console.log(`Done in ${((performance.now() - begin) / 1000).toFixed(0)} s. The report: ${pathToFileURL(page)}`);
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
