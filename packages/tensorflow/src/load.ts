/** Loads tfjs-node over the installed TensorFlow, and sets that up first where it is missing. */
import { spawnSync } from 'node:child_process';
import { createRequire, Module } from 'node:module';
import { fileURLToPath } from 'node:url';
import util from 'node:util';
import type * as tfjs from '@tensorflow/tfjs';
import { loadGraphBinding } from './graphBinding.js';
import type { NodeBackend } from './native.js';
import { findInstallation, type Installation } from './setup/index.js';

const require = createRequire(import.meta.url);

/** The installation to load: the finished one, or one that the set-up makes now, in a process of its own. */
function installation(): Installation {
  const found = findInstallation();
  if (found) return found;
  const script = fileURLToPath(new URL('./setup/main.js', import.meta.url));
  const run = spawnSync(process.execPath, [script], { stdio: ['ignore', 'inherit', 'inherit'] });
  const made = run.status === 0 ? findInstallation() : undefined;
  if (!made) throw new Error('TensorFlow is not ready: its set-up failed (see above). `npm run doctor` says more.');
  return made;
}

function loadTfjs(bindingPath: string): typeof import('@tensorflow/tfjs-node-gpu') {
  // Node 23 removed functions that tfjs-node 4.22 still calls.
  const legacy = util as unknown as Record<string, (value: unknown) => boolean>;
  legacy.isNullOrUndefined ??= (value) => value === null || value === undefined;
  legacy.isArray ??= Array.isArray;
  // tfjs-node asks node-pre-gyp where its addon lies; ours lies in the cache, so that node_modules stays as it was installed.
  const fromTfjs = createRequire(require.resolve('@tensorflow/tfjs-node-gpu'));
  const preGyp = fromTfjs.resolve('@mapbox/node-pre-gyp');
  const standIn = new Module(preGyp);
  standIn.exports = { find: () => bindingPath };
  standIn.loaded = true;
  require.cache[preGyp] = standIn;
  try {
    return require('@tensorflow/tfjs-node-gpu');
  } finally {
    delete require.cache[preGyp];
  }
}

// Without this a GPU's whole memory is taken at once.
process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
// oneDNN's convolutions are several times faster than Eigen's; TensorFlow turns them on by itself on some processors only.
process.env.TF_ENABLE_ONEDNN_OPTS ??= '1';

export { LOG_LEVEL } from './graphBinding.js';

/** Where TensorFlow was loaded from. */
export const loadedInstallation: Installation = installation();

// Our kernels use all threads for one operation: two operations at once get in each other's way (a narrow network's step takes 1.1 to 1.2 times as long).
if (loadedInstallation.flavour === 'cpu') process.env.TF_NUM_INTEROP_THREADS ??= '1';

export const nativeGraph = loadGraphBinding(loadedInstallation);

/** TensorFlow.js on the native TensorFlow. */
export const tf = loadTfjs(loadedInstallation.tfjsBinding);

/** The types that programs name: `tf.Tensor` and its kin are those of TensorFlow.js itself. */
export declare namespace tf {
  type DataType = tfjs.DataType;
  type GraphModel = tfjs.GraphModel;
  type LayersModel = tfjs.LayersModel;
  type NamedTensorMap = tfjs.NamedTensorMap;
  type Optimizer = tfjs.Optimizer;
  type Rank = tfjs.Rank;
  type Scalar = tfjs.Scalar;
  type Sequential = tfjs.Sequential;
  type Shape = tfjs.Shape;
  type SymbolicTensor = tfjs.SymbolicTensor;
  type Tensor<R extends tfjs.Rank = tfjs.Rank> = tfjs.Tensor<R>;
  type Tensor1D = tfjs.Tensor1D;
  type Tensor2D = tfjs.Tensor2D;
  type Tensor3D = tfjs.Tensor3D;
  type Tensor4D = tfjs.Tensor4D;
  type Tensor5D = tfjs.Tensor5D;
  type TensorLike = tfjs.TensorLike;
  type TypedArray = tfjs.TypedArray;
  type Variable<R extends tfjs.Rank = tfjs.Rank> = tfjs.Variable<R>;
  namespace layers {
    type Layer = tfjs.layers.Layer;
  }
}

export const backend = tf.backend() as unknown as NodeBackend;
