/** The network's side of attacks: many walks at once, each with its own point, in batches of one compiled function. */
import { logitsOf } from '@refconv/layers';
import { compile, logitMargin, predictedClass, tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import type { Walk } from './attacks.js';

export interface AttackerOptions {
  /** As in training, where 255 is 1. The attacks know pixels alone: the normalisation is inside. */
  mean: readonly number[];
  std: readonly number[];
  /** Images a call. Default: 100. */
  batchSize?: number;
  /** Operation by operation, for debugging. Default: the environment variable REFCONV_EAGER is 1. */
  eager?: boolean;
}

export interface Task<Result> {
  label: number;
  walk: Walk<Result>;
}

export interface RunOptions {
  /** Called after each walk that has ended, with how many have. */
  onDone?: (done: number) => void;
  /** Stops before the next call. */
  signal?: AbortSignal;
}

export interface Attacker {
  /**
   * Takes walks to their ends, as many at a time as a batch holds: where one ends, the next takes its place.
   * @returns their results in their order; undefined where it was stopped.
   */
  run<Result>(tasks: Iterable<Task<Result>>, options?: RunOptions): Promise<Result[] | undefined>;
  /** Frees the graph; the model keeps its weights. */
  dispose(): void;
}

/**
 * @param model a classifier: images [n, h, w, c] to logits [n, classes]; in evaluation mode, so batch norms keep their statistics.
 * @throws RangeError where the model's images or the normalisation do not fit each other.
 * @example
 * ```ts
 * const program = attacker(model, { mean, std, batchSize: 100 });
 * const target = targetOf(data.test, 0);
 * const found = await program.run([{ label: target.label, walk: attack(target, 8, { attack: 'pgd' }) }]);
 * console.log(found?.[0].broken);
 * program.dispose();
 * ```
 */
export function attacker(model: LayersModel, options: AttackerOptions): Attacker {
  const { mean, std, batchSize = 100, eager } = options;
  const shape = model.inputs[0]?.shape.slice(1) as [number, number, number];
  if (shape.length !== 3 || shape.some((size) => size === null)) {
    throw new RangeError(
      `${model.name} takes [${shape}]; an attack needs images of a fixed [height, width, channels].`,
    );
  }
  if (mean.length !== shape[2] || std.length !== shape[2]) {
    throw new RangeError(
      `mean and std need a number for each of ${shape[2]} channels; given [${mean.join()}] and [${std.join()}].`,
    );
  }
  const program = compile(
    {
      answer(pixels: Tensor4D, labels: Tensor1D) {
        const kept: Tensor[] = [];
        const loss = (x: Tensor) => {
          const logits = logitsOf(model, tf.div(tf.sub(x, [...mean]), [...std]));
          // The gradient's scope would free it.
          kept.push(tf.keep(predictedClass(logits)));
          return logitMargin(logits, labels);
        };
        const { value, grad } = tf.valueAndGrad(loss)(pixels, tf.ones([labels.size]));
        const predictions = tf.clone(kept[0] as Tensor1D);
        tf.dispose(kept);
        return {
          predictions,
          margins: value as Tensor1D,
          signs: tf.sign(grad) as Tensor4D,
        };
      },
    },
    { eager },
  );
  const size = shape.reduce((product, n) => product * n, 1);
  const sizes = [batchSize];
  while ((sizes[0] as number) > 8) sizes.unshift(Math.ceil((sizes[0] as number) / 4));
  // Each size has a graph of its own: where few walks are left, a small one is quicker.
  const batches = sizes.map((count) => ({
    count,
    pixels: new Float32Array(count * size),
    labels: new Int32Array(count),
  }));

  return {
    async run<Result>(tasks: Iterable<Task<Result>>, { onDone, signal }: RunOptions = {}) {
      const source = tasks[Symbol.iterator]();
      const results: Result[] = [];
      let [started, done] = [0, 0];
      interface Place {
        task: Task<Result>;
        at: number;
        point: Float32Array;
      }
      /** Whether the walk goes on; if not, its result is kept. */
      const takes = (place: Place, next: IteratorResult<Float32Array, Result>) => {
        if (!next.done) {
          place.point = next.value;
          return true;
        }
        results[place.at] = next.value;
        onDone?.(++done);
        return false;
      };
      let places: Place[] = [];
      for (;;) {
        while (places.length < batchSize) {
          const { value: task, done: none } = source.next();
          if (none) break;
          const place: Place = { task, at: started++, point: new Float32Array() };
          if (takes(place, task.walk.next())) places.push(place);
        }
        if (places.length === 0) return results;
        if (signal?.aborted) return undefined;
        const batch = batches.find(({ count }) => count >= places.length) as (typeof batches)[number];
        places.forEach(({ task, point }, i) => {
          batch.pixels.set(point, i * size);
          batch.labels[i] = task.label;
        });
        const inputs = [
          tf.tensor4d(batch.pixels, [batch.count, ...shape]),
          tf.tensor1d(batch.labels, 'int32'),
        ] as const;
        const answers = await program.answer.async(...inputs);
        const { predictions, margins, signs } = answers;
        const [classes, losses, slopes] = [predictions.dataSync(), margins.dataSync(), signs.dataSync<'float32'>()];
        tf.dispose([...inputs, answers]);
        places = places.filter((place, i) =>
          takes(
            place,
            place.task.walk.next({
              prediction: classes[i] as number,
              margin: losses[i] as number,
              sign: slopes.subarray(i * size, (i + 1) * size),
            }),
          ),
        );
      }
    },
    dispose: () => program.dispose(),
  };
}
