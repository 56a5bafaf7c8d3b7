/** A launcher, to be killed: `node launch.js ROOT GRID`. */
import { launch, readGrid } from '@refconv/runs';
import { stopAtInterrupt } from '@refconv/training/stop';

const [root, name] = process.argv.slice(2) as [string, string];
const { signal, dispose } = stopAtInterrupt();
const launched = await launch(root, await readGrid(root, name), { launcher: 'local', workers: 2, signal });
dispose();
if (launched.launcher === 'local' && launched.failed.length + launched.left > 0) process.exitCode = 1;
