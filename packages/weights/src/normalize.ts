/** From what people put around a state_dict to the state_dict itself. */

import { WeightsError } from './bytes.js';
import { PassedOver, type PickleValue } from './pickle.js';
import type { TorchState } from './torchState.js';
import { StoredTensor } from './torchTensor.js';

/** Under which keys training scripts keep the weights, the first that is there counts: plain weights before averaged ones. */
const WRAPPERS = [
  ...['state_dict', 'model_state_dict', 'model', 'net', 'network', 'model_state', 'params', 'weights'],
  ...['state_dict_ema', 'model_ema', 'ema_state_dict', 'params_ema', 'ema'],
];
const MAX_WRAPPERS = 4;

/** What PyTorch's wrappers put before every name: DataParallel and AveragedModel, and torch.compile, which does so inside a name too. */
const PREFIX = 'module.';
const COMPILED = /(^|\.)_orig_mod\./g;

/** How torchvision's published DenseNets, which are older than a rule against such names, name a dense layer's parts. */
const OLD_DENSE_LAYER = /(^|\.)(denselayer\d+\.(?:norm|conv))\.([12])\./;

/** Batch norm's, an averaged model's, and those of tools that count operations. */
const COUNTER = /(^|\.)(num_batches_tracked|n_averaged|num_updates|total_ops|total_params)$/;

const names = (keys: Iterable<unknown>) => {
  const all = [...keys].map((key) => (typeof key === 'string' ? key : `a ${typeof key}`));
  return all.slice(0, 8).join(', ') + (all.length > 8 ? `, and ${all.length - 8} more` : '') || 'nothing';
};

/** Why an object is not there, and what to do. */
export const notMade = ({ name }: PassedOver) =>
  `The file asks to run ${name}; only tensors and plain containers are read. ` +
  'If you trust the file, save its weights alone in PyTorch: torch.save(model.state_dict(), path).';

/** The tensors of a dictionary, by name. */
const tensorsIn = (value: PickleValue): [string, StoredTensor][] =>
  value instanceof Map
    ? [...value].filter(
        (entry): entry is [string, StoredTensor] => typeof entry[0] === 'string' && entry[1] instanceof StoredTensor,
      )
    : [];

/** Whether there are tensors in a dictionary, or in those within, as deep as weights are looked for. */
const holdsTensors = (value: PickleValue | undefined, depth = MAX_WRAPPERS): boolean =>
  value instanceof Map &&
  (tensorsIn(value).length > 0 || (depth > 0 && [...value.values()].some((inner) => holdsTensors(inner, depth - 1))));

/** The key under which the weights are: a usual one, or the only one whose dictionary has tensors. */
function wrapperOf(dictionary: Map<PickleValue, PickleValue>): PickleValue | undefined {
  const usual = WRAPPERS.find((key) => holdsTensors(dictionary.get(key)));
  if (usual !== undefined || tensorsIn(dictionary).length > 0) return usual;
  const keys = [...dictionary].filter(([, value]) => tensorsIn(value).length > 0).map(([key]) => key);
  return keys.length === 1 ? keys[0] : undefined;
}

/**
 * The tensors of a pickled state_dict, on its own or in a dictionary, in which all else is passed over.
 * @throws WeightsError that says what is there instead.
 */
export function findTensors(value: PickleValue): Map<string, StoredTensor> {
  let found = value;
  for (let depth = 0; depth < MAX_WRAPPERS && found instanceof Map; depth++) {
    const key = wrapperOf(found);
    if (key === undefined) break;
    found = found.get(key) as PickleValue;
  }
  if (found instanceof StoredTensor) throw new WeightsError('The file holds a single tensor; expected a state_dict.');
  if (found instanceof PassedOver) throw new WeightsError(`The file holds no state_dict. ${notMade(found)}`);
  if (!(found instanceof Map))
    throw new WeightsError('The file holds no state_dict: it is not a dictionary of tensors.');
  const tensors = new Map(tensorsIn(found));
  if (tensors.size > 0 || found.size === 0) return tensors;
  const object = [...found.values()].find((entry) => entry instanceof PassedOver);
  throw new WeightsError(
    `The file holds no plain state_dict: ${names([...found.keys()].slice(0, 1))} is not a tensor with a name. ` +
      `There are ${names(found.keys())}; expected tensors alone, or a state_dict under one of ${WRAPPERS.join(', ')}.` +
      `${object ? ` ${notMade(object)}` : ''}`,
  );
}

/**
 * The state under the names that a plain model's state_dict has: without what DataParallel (where all weights' names have it) and
 * torch.compile put into them, with DenseNet's `norm.1` as `norm1`, and without counters, which are no weights.
 * @example
 * ```ts
 * const state = normalizeState(new Map([['module.conv.weight', { shape: [1], data: new Float32Array(1) }]]));
 * [...state.keys()]; // ['conv.weight']
 * ```
 */
export function normalizeState(state: TorchState): TorchState {
  let entries = [...state]
    .filter(([key]) => !COUNTER.test(key))
    .map(([key, value]) => [plainName(key), value] as const);
  while (entries.length > 0 && entries.every(([key]) => key.startsWith(PREFIX)))
    entries = entries.map(([key, value]) => [key.slice(PREFIX.length), value]);
  const plain = new Map(entries);
  // Names that fall together were of two models: as they are, then.
  return plain.size === entries.length ? plain : state;
}

const plainName = (key: string) => key.replace(COMPILED, '$1').replace(OLD_DENSE_LAYER, '$1$2$3.');
