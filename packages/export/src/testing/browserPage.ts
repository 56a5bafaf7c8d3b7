/** What runs in the browser: tfjs and packages/layers, nothing else of this project. */
import '@refconv/layers';
import * as tf from '@tensorflow/tfjs';

export interface Evaluation {
  logits: number[];
  backend: string;
  /** Tensors that are left after the model was disposed. */
  left: number;
}

declare global {
  var evaluateModel: (url: string, backend: string, shape: number[], image: number[]) => Promise<Evaluation>;
}

globalThis.evaluateModel = async (url, backend, shape, image) => {
  await tf.setBackend(backend);
  await tf.ready();
  const before = tf.memory().numTensors;
  const model = await tf.loadLayersModel(url);
  const logits = tf.tidy(() => [...(model.predict(tf.tensor(image, shape)) as tf.Tensor).dataSync()]);
  model.dispose();
  return { logits, backend: tf.getBackend(), left: tf.memory().numTensors - before };
};
