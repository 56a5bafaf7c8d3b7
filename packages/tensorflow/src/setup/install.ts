/** The set-up: does what is missing, whole or not at all. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LockLostError, withLock } from '@refconv/files';
import { buildBinding } from './binding.js';
import { checkFree, folderBytes, inUnits, makeWritable } from './disk.js';
import { checkPlatform } from './environment.js';
import { StoppedError } from './errors.js';
import { finished, type Installation } from './find.js';
import { bindingFolder, currentPlan, isComplete, type Plan, type TensorFlow } from './plan.js';
import { fetchPrebuilt } from './prebuilt.js';
import { diskFull } from './run.js';
import { checkCompiler, checkPython } from './tools.js';
import { fetchWheels } from './wheels.js';

/** What the compilation writes, with room to spare. */
const ROOM_FOR_BINDING = 100e6;
const PROGRESS_MS = 10_000;
/** Folders being filled; whoever holds the lock may remove any that it did not make itself. */
const PARTIAL = '.partial-';

export interface SetupOptions {
  /** What to make; default: what the environment asks for. */
  plan?: Plan;
  /** Stops the set-up, which then leaves nothing unfinished behind. */
  signal?: AbortSignal;
}

/**
 * Gets TensorFlow ready: downloads it and compiles the add-ons, as far as that has not been done. Everything is made in a
 * folder of another name, which gets its own name when it is complete; a second set-up at the same time waits for the first.
 * @param log gets a line at a time about what goes on
 * @throws SetupError if a precondition fails (its `remedy` says what to do), StoppedError if it was stopped
 */
export async function ensureInstallation(
  log: (line: string) => void = () => {},
  options: SetupOptions = {},
): Promise<Installation> {
  checkPlatform();
  const plan = options.plan ?? currentPlan();
  const { signal } = options;
  for (;;) {
    const installation = finished(plan);
    if (installation) return installation;
    await makeWritable(plan.cache);
    const waiting = { log, signal, poll: 500, patience: Number.POSITIVE_INFINITY };
    const work = (lost: AbortSignal) => make(plan, log, signal ? AbortSignal.any([signal, lost]) : lost);
    try {
      await withLock(join(plan.cache, '.lock'), work, waiting);
    } catch (error) {
      if (signal?.aborted) throw new StoppedError();
      if (!(error instanceof LockLostError)) throw error;
      log('This set-up was asleep for so long that another took over.');
    }
  }
}

async function make(plan: Plan, log: (line: string) => void, signal: AbortSignal): Promise<void> {
  const { cache, tensorflow } = plan;
  // Another set-up may have finished between our last look and our turn.
  if (finished(plan)) return;
  await removeLeftovers(cache);
  checkCompiler();
  const missing = isComplete(tensorflow) ? undefined : tensorflow.source;
  if (missing?.kind === 'wheels') await checkPython({ signal });
  await checkFree(cache, (missing?.room ?? 0) + ROOM_FOR_BINDING);
  const start = Date.now();
  if (missing) {
    log(`Downloading TensorFlow (${tensorflow.flavour}), ${inUnits(missing.download)}, to ${cache}`);
    await fill(tensorflow.folder, (folder, temporary) => fetch(tensorflow, folder, temporary, log, signal));
  }
  log('Compiling the add-ons that connect Node with TensorFlow');
  await fill(bindingFolder(plan), (folder, temporary) => buildBinding(plan, folder, temporary, signal));
  log(`TensorFlow is ready (${Math.round((Date.now() - start) / 1000)} s)`);
}

async function fetch(
  { source }: TensorFlow,
  folder: string,
  temporary: string,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const progress = setInterval(async () => log(`… ${inUnits(await folderBytes(folder))} written`), PROGRESS_MS);
  try {
    if (source?.kind === 'wheels') await fetchWheels(source, folder, temporary, signal);
    else await fetchPrebuilt(folder, temporary, signal);
  } finally {
    clearInterval(progress);
  }
}

/** Makes a folder under another name and renames it when `work` has filled it. */
async function fill(final: string, work: (folder: string, temporary: string) => Promise<void>): Promise<void> {
  const folder = join(dirname(final), `${PARTIAL}${basename(final)}-${randomBytes(4).toString('hex')}`);
  const temporary = join(folder, 'temporary');
  try {
    await mkdir(temporary, { recursive: true });
    await work(folder, temporary);
    await remove(temporary);
    // What is there under the final name is damaged (a file of it was deleted), else it would not be made again.
    await remove(final);
    await rename(folder, final);
  } catch (error) {
    throw diskFull(String((error as NodeJS.ErrnoException).code), folder) ?? error;
  } finally {
    await remove(folder);
  }
}

/** Of set-ups that were killed. */
async function removeLeftovers(cache: string): Promise<void> {
  for (const name of await readdir(cache)) if (name.startsWith(PARTIAL)) await remove(join(cache, name));
}

async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5 });
}
