/** Compiles the add-ons against TensorFlow and tries them. */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join, relative } from 'node:path';
import { SetupError } from './errors.js';
import { VERSION_FILE } from './find.js';
import { type Addon, addonsOf, compileFlags, type Plan } from './plan.js';
import { diskFull, lastLines, run } from './run.js';
import { compiler } from './tools.js';

/**
 * Compiles both add-ons, as many sources at a time as there are processors, and loads them once in a process of its own.
 * @param folder where they go; must lie directly in the cache, because of the relative run path
 * @throws SetupError if something does not compile or does not load
 */
export async function buildBinding(plan: Plan, folder: string, temporary: string, signal: AbortSignal): Promise<void> {
  const addons = addonsOf(plan);
  const object = (addon: Addon, source: string) => join(temporary, `${addon.name}-${basename(source)}.o`);
  const compilations = addons.flatMap((addon) =>
    addon.sources.map((source) => [...compileFlags(plan, addon, source), '-c', source, '-o', object(addon, source)]),
  );
  await inParallel(compilations, (args) => compile(args, folder, temporary, signal));
  const links = addons.map((addon) => [
    '-shared',
    ...addon.sources.map((source) => object(addon, source)),
    ...['-o', join(folder, `${addon.name}.node`)],
    ...(addon.linksTensorFlow ? linkFlags(plan) : []),
  ]);
  await inParallel(links, (args) => compile(args, folder, temporary, signal));
  await writeFile(join(folder, VERSION_FILE), `${await tryLoading(plan, folder, signal)}\n`);
}

/** The run path is of the old kind, DT_RPATH: it goes before LD_LIBRARY_PATH, in which another TensorFlow may lie. */
function linkFlags({ cache, tensorflow }: Plan): string[] {
  const folder = tensorflow.libraryFolder;
  const runPath = tensorflow.source ? `$ORIGIN/../${relative(cache, folder)}` : folder;
  const libraries = tensorflow.libraries.map((name) => `-l:${name}`);
  return [`-L${folder}`, ...libraries, '-Wl,--disable-new-dtags', `-Wl,-rpath,${runPath}`];
}

async function inParallel<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  // All of them are waited for, also when one fails: what is still running writes into a folder that will be removed.
  const results = await Promise.allSettled(Array.from({ length: availableParallelism() }, worker));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

async function compile(args: string[], folder: string, temporary: string, signal: AbortSignal): Promise<void> {
  const [program = 'c++', ...first] = compiler();
  const { code, output } = await run(program, [...first, ...args], {
    env: { ...process.env, TMPDIR: temporary },
    signal,
  });
  if (code === 0) return;
  throw (
    diskFull(output, folder) ??
    new SetupError(
      `Compiling with ${program} failed. Its last lines:\n${lastLines(output, 25)}`,
      // GCC's and Clang's words.
      /-march=|target CPU/.test(output)
        ? 'The compiler does not know what REFCONV_MARCH names. Set it to a name that it takes, or unset it.'
        : 'A compiler for C++17 is needed (GCC 9 or Clang 10 or later). CXX names another one, for example CXX=g++-13.',
    )
  );
}

const TRIAL = `
const [tfjs] = process.argv.slice(1).map((path) => require(path));
process.stdout.write('version ' + tfjs.TF_Version);
`;

/** Loads both add-ons in another process, without any GPU, and returns TensorFlow's version. */
async function tryLoading(plan: Plan, folder: string, signal: AbortSignal): Promise<string> {
  const addons = addonsOf(plan).map(({ name }) => join(folder, `${name}.node`));
  const env = { ...process.env, CUDA_VISIBLE_DEVICES: '-1', TF_CPP_MIN_LOG_LEVEL: '2' };
  const trial = await run(process.execPath, ['--eval', TRIAL, ...addons], { env, signal });
  const version = /version (\S+)$/.exec(trial.stdout)?.[1];
  if (trial.code === 0 && version) return version;
  const reason = /^Error: (.*)$/m.exec(trial.output)?.[1] ?? lastLines(trial.output);
  throw new SetupError(
    `The compiled add-ons do not load${trial.signal ? ` (ended by ${trial.signal})` : ''}: ${reason}`,
    remedy(trial.output),
  );
}

function remedy(output: string): string {
  if (/GLIBC_[\d.]+' not found/.test(output)) {
    return "This system's glibc is older than TensorFlow needs. Use a newer distribution, in a container for example.";
  }
  if (/(GLIBCXX|CXXABI)_[\d.]+' not found/.test(output)) {
    return (
      'The libstdc++ that is found at run time is older than the compiler. With conda: put its lib folder into LD_LIBRARY_PATH, ' +
      "or compile with the system's own compiler (CXX=/usr/bin/g++)."
    );
  }
  if (/cannot open shared object file/.test(output)) {
    return 'A library that TensorFlow needs is missing. Install it, or unset LD_LIBRARY_PATH if another version of it lies there.';
  }
  if (/undefined symbol/.test(output)) {
    return 'This TensorFlow lacks what the add-ons need. Unset REFCONV_TENSORFLOW to use the one this version was made for.';
  }
  return 'If the process was ended by SIGILL, the processor lacks the AVX instructions that TensorFlow is compiled for.';
}
