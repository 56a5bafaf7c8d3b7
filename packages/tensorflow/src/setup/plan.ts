/** What a set-up makes, out of what, and under which names in the cache. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { cacheFolder } from '@refconv/files';
import { architecture, wish } from './environment.js';
import { SetupError } from './errors.js';
import { filesEnding, npmFolder, packageFolder } from './paths.js';

const require = createRequire(import.meta.url);

export type Flavour = 'cpu' | 'cuda' | 'folder' | 'prebuilt';

/** TensorFlow's libraries and headers: where they are, or will be once they are fetched. */
export interface TensorFlow {
  flavour: Flavour;
  /** Made by the set-up, inside the cache; for the flavour `folder` the user's own. */
  folder: string;
  libraryFolder: string;
  includeFolder: string;
  /** File names of what the add-ons link to. */
  libraries: string[];
  /** How to get it; none for the user's own folder. */
  source?: WheelSource | PrebuiltSource;
}

/** Python wheels, by a pip requirement file with hashes, and the parts of them that are needed. */
export interface WheelSource {
  kind: 'wheels';
  requirements: string;
  /** Files, and folders ending in "/", inside the wheels (see wheels/wheels.py). */
  keep: string[];
  /** Bytes of the wheels. */
  download: number;
  /** Bytes that must be free on the disk: the wheels (which pip holds twice for a moment) and what is taken out of them. */
  room: number;
}

/** What tfjs-node-gpu's own install script downloads. */
export interface PrebuiltSource {
  kind: 'prebuilt';
  download: number;
  room: number;
}

/** A shared library for Node, compiled from C++. */
export interface Addon {
  name: string;
  sources: string[];
  /** Not compiled by themselves, but a change of theirs asks for a new compilation. */
  headers: string[];
  includeFolders: string[];
  /** Whether it links to TensorFlow. */
  linksTensorFlow: boolean;
}

export interface Plan {
  cache: string;
  /** What the compiler is to write the kernels for (its `-march`): `native` is this very processor. */
  architecture: string;
  tensorflow: TensorFlow;
  tfjs: Addon;
  graph: Addon;
  quiet: Addon;
}

export const addonsOf = ({ tfjs, graph, quiet }: Plan): Addon[] => [tfjs, graph, quiet];

/** Added to the names in the cache: to be changed when the same sources are to give something else. */
const LAYOUT = '1';

/** Of the wheels: the two libraries, the headers of the C API and what those include, and CUDA's libraries and compiler. */
const KEEP = [
  'tensorflow/libtensorflow_cc.so.2',
  'tensorflow/libtensorflow_framework.so.2',
  'tensorflow/include/tensorflow/c/',
  'tensorflow/include/tensorflow/core/platform/',
  'tensorflow/include/tensorflow/core/common_runtime/next_pluggable_device/c/',
  'tensorflow/include/tsl/platform/',
  'tensorflow/include/xla/tsl/c/',
  // TensorFlow's run paths name ../nvidia/*/lib; XLA looks for ptxas and libdevice in ../nvidia/cuda_nvcc.
  'nvidia/*/lib/',
  'nvidia/cuda_nvcc/bin/',
  'nvidia/cuda_nvcc/nvvm/libdevice/',
];

/** Measured; the room is rounded up from 1.1 and 6.7 GB at the worst moment, and 0.9 and 5.4 GB stay. */
const SIZES = { cpu: { download: 0.27e9, room: 2e9 }, cuda: { download: 3.34e9, room: 8e9 } };

/**
 * The plan for the current environment (see `wish` and `cacheFolder`).
 * @throws SetupError if the environment asks for what there is not
 */
export function currentPlan(env: NodeJS.ProcessEnv = process.env): Plan {
  const cache = cacheFolder(env);
  const wanted = wish(env);
  const tensorflow =
    wanted.flavour === 'folder'
      ? fromFolder(wanted.folder)
      : wanted.flavour === 'prebuilt'
        ? fromPrebuilt(cache)
        : fromWheels(cache, wanted.flavour, join(packageFolder, 'wheels', `${wanted.flavour}.txt`));
  return { cache, architecture: architecture(env), tensorflow, ...realAddons() };
}

function realAddons(): Pick<Plan, 'tfjs' | 'graph' | 'quiet'> {
  const nodeApi = join(npmFolder('node-api-headers'), 'include');
  const binding = join(npmFolder('@tensorflow/tfjs-node-gpu'), 'binding');
  const native = join(packageFolder, 'native');
  return {
    tfjs: {
      name: 'tfjs_binding',
      sources: filesEnding(binding, '.cc'),
      headers: filesEnding(binding, '.h'),
      includeFolders: [nodeApi],
      linksTensorFlow: true,
    },
    graph: {
      name: 'refconv_graph',
      sources: filesEnding(native, '.cc'),
      headers: filesEnding(native, '.h'),
      includeFolders: [nodeApi, npmFolder('node-addon-api')],
      linksTensorFlow: true,
    },
    quiet: {
      name: 'refconv_quiet',
      sources: filesEnding(join(native, 'quiet'), '.cc'),
      headers: [],
      includeFolders: [nodeApi],
      linksTensorFlow: false,
    },
  };
}

/** TensorFlow out of the wheels that a requirement file lists; the first line of it names TensorFlow's version. */
export function fromWheels(cache: string, flavour: 'cpu' | 'cuda', requirements: string): TensorFlow {
  const lines = readFileSync(requirements, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const version = /^tensorflow(?:-cpu)?==(\S+)/.exec(lines[0] ?? '')?.[1];
  if (!version) throw new Error(`${requirements} should begin with tensorflow==VERSION or tensorflow-cpu==VERSION`);
  const id = shortHash([LAYOUT, ...lines, ...KEEP]);
  const folder = join(cache, `tensorflow-${version}-${flavour}-${id}`);
  return {
    flavour,
    folder,
    libraryFolder: join(folder, 'tensorflow'),
    includeFolder: join(folder, 'tensorflow', 'include'),
    libraries: ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'],
    source: { kind: 'wheels', requirements, keep: KEEP, ...SIZES[flavour] },
  };
}

export function fromPrebuilt(cache: string): TensorFlow {
  const constants = require('@tensorflow/tfjs-node-gpu/scripts/deps-constants.js') as { LIBTENSORFLOW_VERSION: string };
  const folder = join(cache, `tensorflow-${constants.LIBTENSORFLOW_VERSION}-prebuilt`);
  return { ...cArchive('prebuilt', folder), source: { kind: 'prebuilt', download: 0.4e9, room: 3e9 } };
}

/** The layout of the official archive of the C library. */
function cArchive(flavour: Flavour, folder: string): TensorFlow {
  return {
    flavour,
    folder,
    libraryFolder: join(folder, 'lib'),
    includeFolder: join(folder, 'include'),
    libraries: ['libtensorflow.so.2', 'libtensorflow_framework.so.2'],
  };
}

/** The user's own TensorFlow, in one of the two layouts in which it is distributed. */
export function fromFolder(folder: string): TensorFlow {
  const wheel: TensorFlow = {
    flavour: 'folder',
    folder,
    libraryFolder: folder,
    includeFolder: join(folder, 'include'),
    libraries: ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'],
  };
  const found = [wheel, cArchive('folder', folder)].find(isComplete);
  if (found) return found;
  throw new SetupError(
    `REFCONV_TENSORFLOW is the folder ${folder}, but it does not hold a TensorFlow to link to.`,
    'Expected are either libtensorflow_cc.so.2, libtensorflow_framework.so.2 and include/tensorflow/c/c_api.h (the folder ' +
      '"tensorflow" of an installed Python wheel), or lib/libtensorflow.so.2, lib/libtensorflow_framework.so.2 and ' +
      'include/tensorflow/c/c_api.h (the archive of the C library, unpacked).',
  );
}

/** Whether the libraries and headers are there. */
export function isComplete(tensorflow: TensorFlow): boolean {
  const libraries = tensorflow.libraries.map((name) => join(tensorflow.libraryFolder, name));
  return [...libraries, join(tensorflow.includeFolder, 'tensorflow', 'c', 'c_api.h')].every((path) => existsSync(path));
}

const FLAGS = ['-O2', '-std=c++17', '-fPIC', '-DNAPI_VERSION=8'];

/** Compiler flags for one source file. */
export function compileFlags(plan: Plan, addon: Addon, source: string): string[] {
  const kernels = isKernels(source) ? ['-O3', `-march=${plan.architecture}`] : [];
  const folders = [...addon.includeFolders, plan.tensorflow.includeFolder];
  const name = `-DNODE_GYP_MODULE_NAME=${addon.name}`;
  return [...FLAGS, ...kernels, name, ...folders.map((folder) => `-I${folder}`)];
}

/** Arithmetic that gains from the instructions of the processor. */
function isKernels(source: string): boolean {
  return basename(source).startsWith('kernels');
}

/** The folder of the compiled add-ons. Its name depends on everything that they are made of. */
export function bindingFolder(plan: Plan): string {
  const parts = [LAYOUT, ...FLAGS, ...identity(plan.tensorflow)];
  for (const addon of addonsOf(plan)) {
    for (const path of [...addon.sources, ...addon.headers]) parts.push(basename(path), readFileSync(path, 'utf8'));
    if (addon.sources.some(isKernels)) parts.push(plan.architecture === 'native' ? processor() : plan.architecture);
  }
  return join(plan.cache, `binding-${shortHash(parts)}`);
}

/** What tells one TensorFlow from another: its name in the cache, or the state of the files in the user's folder. */
function identity({ source, folder, libraryFolder, libraries }: TensorFlow): string[] {
  if (source) return [basename(folder)];
  const states = libraries.map((name) => {
    const { size, mtimeMs } = statSync(join(libraryFolder, name));
    return `${size} ${mtimeMs}`;
  });
  return [folder, ...states];
}

function processor(): string {
  const text = readFileSync('/proc/cpuinfo', 'utf8');
  return ['model name', 'flags'].map((key) => new RegExp(`^${key}\\s*:.*$`, 'm').exec(text)?.[0]).join('\n');
}

function shortHash(parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);
}
