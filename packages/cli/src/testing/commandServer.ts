/**
 * Does one command after the other in one process: `node commandServer.js ASKED ANSWERED`, two named pipes. Arguments come as a line of JSON,
 * the exit status goes back. TensorFlow takes longer to load than most commands to run.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { run } from '../run.js';
import { readLine } from './readLine.js';

const [asked, answered] = process.argv.slice(2) as [string, string];
const from = openSync(asked, 'r');
const to = openSync(answered, 'w');
for (let line = readLine(from); line !== undefined; line = readLine(from)) {
  process.exitCode = 0;
  await run(JSON.parse(line) as string[]);
  writeSync(to, `${process.exitCode}\n`);
}
closeSync(to);
process.exit(0);
