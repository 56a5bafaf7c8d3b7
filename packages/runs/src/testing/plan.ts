/** Plans a grid in a process of its own: `node plan.js ROOT SEEDS`. Prints what that took, in milliseconds of processor time and bytes. */
import { planGrid } from '../grid.js';
import { tinyGrid } from './tiny.js';

const [root, seeds] = process.argv.slice(2) as [string, string];
const grid = tinyGrid(
  'many',
  Array.from({ length: Number(seeds) }, (_, i) => i),
);
await planGrid(root, grid);
const { user, system } = process.cpuUsage();
console.log(
  JSON.stringify({
    runs: Object.keys(grid.runs).length,
    milliseconds: (user + system) / 1000,
    memory: 1024 * process.resourceUsage().maxRSS,
  }),
);
