/**
 * One run in a process of its own: `node worker.js RUN_FOLDER`. Exit status 0: done, 1: failed, 75: another process
 * is at it, 130: stopped, goes on if started again. A run of several processes starts them, each again by this script.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isLost, WORKER_FAILED } from '@refconv/tensorflow/launch';
import { engineVariables } from './engine.js';
import { BUSY, CANCELLED, markFailed, readSpec, SPEC, STOPPED } from './folder.js';

const folder = resolve(process.argv[2] as string);
const root = dirname(dirname(folder));
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    console.log(`${signal}: stopping after this step, with a checkpoint.`);
    stop.abort();
  });
}

// So that a run can be cancelled on whichever machine it is.
const cancelled = setInterval(() => {
  if (existsSync(join(folder, CANCELLED))) stop.abort();
}, 2000);

try {
  const spec = await readSpec(root, basename(folder));
  if (!spec) throw new Error(`There is no ${SPEC} in ${folder}: start the run's grid again.`);
  // Before TensorFlow is loaded, which reads it then.
  Object.assign(process.env, engineVariables(spec));
  const { isShare, joinShares, startShares } = await import('./shares.js');
  if ((spec.processes ?? 1) > 1 && !isShare()) {
    clearInterval(cancelled); // the processes look for themselves
    process.exitCode = await startShares(folder, spec, stop.signal);
  } else {
    await joinShares(spec);
    const { execute } = await import('./execute.js');
    const result = stop.signal.aborted ? undefined : await execute(root, spec, { signal: stop.signal });
    process.exitCode = result ? 0 : STOPPED;
  }
} catch (error) {
  if ((error as Error).name === 'BusyError') process.exitCode = BUSY;
  // Another one of the run's processes has ended: it tells why, or was killed.
  else if (isLost(error)) process.exitCode = WORKER_FAILED;
  else {
    console.error(error);
    process.exitCode = 1;
    await markFailed(root, basename(folder), (error as Error).message).catch((second: Error) =>
      console.error(second.message),
    );
  }
} finally {
  clearInterval(cancelled);
}
