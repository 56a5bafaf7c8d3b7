/** A launcher in a process of its own, which the tests stop and kill: `node launch.js ROOT GRID WORKERS`. */
import { stopAtInterrupt } from '@refconv/training/stop';
import { readGrid } from '../grid.js';
import { type Launched, launch } from '../launch.js';

const [root, name, workers] = process.argv.slice(2) as [string, string, string];
const { signal, dispose } = stopAtInterrupt();
const options = { launcher: 'local', workers: Number(workers), signal } as const;
const launched = await launch(root, await readGrid(root, name), options);
dispose();
const { done, failed, left } = launched as Extract<Launched, { launcher: 'local' }>;
console.log(`${done} done, ${failed.length} failed, ${left} left`);
if (signal.aborted) process.exitCode = 130;
