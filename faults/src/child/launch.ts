/** A launcher, to be killed: `node launch.js ROOT GRID`. */
import { launch, readGrid } from '@refconv/runs';

const [root, name] = process.argv.slice(2) as [string, string];
await launch(root, await readGrid(root, name), { launcher: 'local', workers: 2 });
