/**
 * One run in a process of its own: `node worker.js RUN_FOLDER`. Exit status 0: done, 1: failed, 75: another process
 * is at it, 130: stopped, goes on if started again.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
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
  const { execute } = await import('./execute.js');
  const result = stop.signal.aborted ? undefined : await execute(root, spec, { signal: stop.signal });
  process.exitCode = result ? 0 : STOPPED;
} catch (error) {
  if ((error as Error).name === 'BusyError') process.exitCode = BUSY;
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
