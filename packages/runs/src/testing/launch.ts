/** A launcher in a process of its own, which the tests kill: `node launch.js ROOT GRID WORKERS`. */
import { readGrid } from '../grid.js';
import { runQueue } from '../queue.js';

const [root, name, workers] = process.argv.slice(2) as [string, string, string];
const stop = new AbortController();
process.on('SIGINT', () => stop.abort());
const { done, failed, left } = await runQueue(root, await readGrid(root, name), {
  workers: Number(workers),
  signal: stop.signal,
});
console.log(JSON.stringify({ done, failed, left }));
