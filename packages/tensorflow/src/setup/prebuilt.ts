/** TensorFlow as tfjs-node-gpu itself downloads it: an old one (2.9.1, CUDA 11.2), but no Python is needed. */
import { cp, mkdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SetupError } from './errors.js';
import { npmFolder } from './paths.js';
import { diskFull, lastLines, run } from './run.js';

/**
 * Runs tfjs-node-gpu's install script on a copy of its package, so that node_modules stays untouched. Only the libraries that
 * it downloads are used; its add-on is compiled here as for any other TensorFlow.
 * @throws SetupError if nothing comes
 */
export async function fetchPrebuilt(folder: string, temporary: string, signal: AbortSignal): Promise<void> {
  const original = npmFolder('@tensorflow/tfjs-node-gpu');
  const copy = join(temporary, 'tfjs-node-gpu');
  await mkdir(copy);
  for (const name of ['package.json', 'scripts']) await cp(join(original, name), join(copy, name), { recursive: true });

  const modules = nodeModulesAbove(original);
  const env = { ...process.env, NODE_PATH: modules.join(':'), TMPDIR: temporary };
  const install = await run(process.execPath, ['scripts/install.js', 'gpu', 'download'], { cwd: copy, env, signal });
  // Once all is unpacked the script goes on to its own add-on, which fails for lack of a program: only that line tells of success.
  if (!install.output.includes('Building TensorFlow Node.js bindings')) {
    const reason = /^\w*Error: .*$/m.exec(install.output)?.[0] ?? `\n${lastLines(install.output)}`;
    throw (
      diskFull(install.output, folder) ??
      new SetupError(
        `tfjs-node-gpu's own download of TensorFlow failed: ${reason}`,
        'Its host, storage.googleapis.com, must be reachable (HTTPS_PROXY is honoured, TFJS_NODE_CDN_STORAGE names a mirror). ' +
          "REFCONV_TENSORFLOW=cpu and cuda take TensorFlow from Python's package index instead.",
      )
    );
  }
  for (const name of ['lib', 'include']) await rename(join(copy, 'deps', name), join(folder, name));
}

/** The node_modules folders in which a package finds what it requires. */
function nodeModulesAbove(folder: string): string[] {
  const found = [join(folder, 'node_modules')];
  for (let at = folder; at !== dirname(at); at = dirname(at)) if (basename(at) === 'node_modules') found.push(at);
  return found;
}
