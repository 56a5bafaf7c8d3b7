/** From what people put around a state_dict to the state_dict itself. */
import type { TorchState } from '../torchState.js';
import { WeightsError } from './bytes.js';
import type { PickleValue } from './pickle.js';
import { StoredTensor } from './torchTensor.js';

/** Under which keys training scripts keep the weights, the first that is there counts: plain weights before averaged ones. */
const WRAPPERS = ['state_dict', 'model', 'state_dict_ema'];
const MAX_WRAPPERS = 4;

/** What torch.nn.DataParallel puts before every name. */
const PREFIX = 'module.';

/** How torchvision's published DenseNets, which are older than a rule against such names, name a dense layer's parts. */
const OLD_DENSE_LAYER = /(^|\.)(denselayer\d+\.(?:norm|conv))\.([12])\./;

const COUNTER = /(^|\.)num_batches_tracked$/;

const names = (keys: Iterable<unknown>) => {
  const all = [...keys].map((key) => (typeof key === 'string' ? key : `a ${typeof key}`));
  return all.slice(0, 8).join(', ') + (all.length > 8 ? `, and ${all.length - 8} more` : '') || 'nothing';
};

/**
 * The tensors of a pickled state_dict, on its own or wrapped.
 * @throws WeightsError that says what is there instead.
 */
export function findTensors(value: PickleValue): Map<string, StoredTensor> {
  let found = value;
  for (let depth = 0; depth < MAX_WRAPPERS; depth++) {
    const dictionary: PickleValue = found;
    if (!(dictionary instanceof Map)) break;
    const key = WRAPPERS.find((wrapper) => dictionary.get(wrapper) instanceof Map);
    if (key === undefined) break;
    found = dictionary.get(key) as PickleValue;
  }
  if (found instanceof StoredTensor) throw new WeightsError('The file holds a single tensor; expected a state_dict.');
  if (!(found instanceof Map))
    throw new WeightsError('The file holds no state_dict: it is not a dictionary of tensors.');
  const tensors = new Map<string, StoredTensor>();
  for (const [key, entry] of found) {
    if (typeof key !== 'string' || !(entry instanceof StoredTensor)) {
      throw new WeightsError(
        `The file holds no plain state_dict: ${names([key])} is not a tensor with a name. ` +
          `There are ${names(found.keys())}; expected tensors alone, or a state_dict under one of ${WRAPPERS.join(', ')}.`,
      );
    }
    tensors.set(key, entry);
  }
  return tensors;
}

/**
 * The state under the names that a plain model's state_dict has: without the prefix `module.` where all names have it, with
 * DenseNet's `norm.1` as `norm1`, and without batch norm's counters `num_batches_tracked`, which are no weights.
 */
export function normalizeState(state: TorchState): TorchState {
  const isWrapped = state.size > 0 && [...state.keys()].every((key) => key.startsWith(PREFIX));
  const rename = (key: string) => (isWrapped ? key.slice(PREFIX.length) : key).replace(OLD_DENSE_LAYER, '$1$2$3.');
  return new Map([...state].filter(([key]) => !COUNTER.test(key)).map(([key, tensor]) => [rename(key), tensor]));
}
