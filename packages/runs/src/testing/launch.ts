/** A launcher in a process of its own, which the tests stop and kill: `node launch.js ROOT GRID WORKERS`. */
import { readGrid } from '../grid.js';
import { launch } from '../launch.js';

const [root, name, workers] = process.argv.slice(2) as [string, string, string];
await launch(root, await readGrid(root, name), { launcher: 'local', workers: Number(workers) });
