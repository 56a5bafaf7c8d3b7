/** Refocused and merged by plain TensorFlow.js, on whatever backend it has: bundled for a browser as it is. */
import { mobilenetv1 } from '@refconv/backbones';
import { merge, refocus } from '@refconv/refconv';
import * as tf from '@tensorflow/tfjs';

const model = mobilenetv1({ variant: 'cifar', width: 0.25 });
const merged = await merge(await refocus(model));
const logits = merged.predict(tf.zeros([1, 32, 32, 3]));
console.log(JSON.stringify({ backend: tf.getBackend(), shape: logits.shape }));
