/** Models of other programs, which people give where a model folder is expected: what they are and what to do. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileError, readText } from '@refconv/files';

const CONVERT =
  "Convert it in Python with Keras 2: `pip install 'tensorflowjs>=4.22' tf_keras 'ydf<0.12'`, set TF_USE_LEGACY_KERAS=1, load the model (or " +
  'build it anew and load its weights) and call tensorflowjs.converters.save_keras_model(model, DIR).';

/**
 * What another program's model is, told by its path; undefined where it is none that is known.
 * @throws Error where the path cannot be looked at, as without permission.
 */
export function foreignModel(path: string): string | undefined {
  const status = statusOf(path);
  if (status?.isFile() && /\.(h5|hdf5|keras)$/i.test(path))
    return `${path} is a model of Keras, not a model folder. ${CONVERT}`;
  if (status?.isDirectory() && existsSync(join(path, 'saved_model.pb')))
    return `${path} is a SavedModel of TensorFlow, whose layers are not kept, not a model folder. Where the Keras model is at hand: ${CONVERT}`;
  if (status?.isFile() && /\.(onnx|tflite)$/i.test(path))
    return `${path} is made for inference, and its layers are not kept; expected a model folder, or weights by --weights.`;
  if (status?.isFile() && /\.(safetensors|pth?|th|ckpt)$/i.test(path))
    return `${path} holds weights alone, not a network: give it by --weights, and the network by --backbone.`;
  return undefined;
}

/** Whether a model.json is of Keras 3, or of another program than a layers model; undefined where it is neither. */
export async function foreignTopology(file: string, maxBytes: number): Promise<string | undefined> {
  const text = await readText(file, maxBytes).catch(() => '');
  if (/"format"\s*:\s*"graph-model"/.test(text))
    return `it is a graph model of tensorflowjs_converter, whose layers are not kept. Where the Keras model is at hand: ${CONVERT}`;
  if (/"batch_shape"|"DTypePolicy"|"keras_version"\s*:\s*"3/.test(text))
    return `it is of Keras 3, and TensorFlow.js reads the models of Keras 2. ${CONVERT}`;
  return undefined;
}

function statusOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw fileError(`Reading ${path}`, error);
  }
}
