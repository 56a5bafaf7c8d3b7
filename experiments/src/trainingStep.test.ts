import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from '@refconv/analysis/statistics';
import { mobilenetv1 } from '@refconv/backbones';
import { batches, channelStatistics, syntheticDataset } from '@refconv/datasets';
import { variablesOf } from '@refconv/layers';
import { tf } from '@refconv/tensorflow';
import { classifier } from '@refconv/training';
import type { LayersModel, Tensor, Tensor1D, Tensor4D, Variable } from '@tensorflow/tfjs';
import { expect } from 'chai';

const data = syntheticDataset({ train: 640, test: 100, seed: 3 });
const { mean, std } = channelStatistics(data.train);

/** Batches of 16 training images as tensors. */
function* steps(count: number): Generator<{ x: Tensor4D; y: Tensor1D }> {
  let made = 0;
  for (let epoch = 0; ; epoch++) {
    for (const { images, labels } of batches(data.train, {
      batchSize: 16,
      mean,
      std,
      seed: 1,
      epoch,
      shuffle: true,
      buffers: 1,
    })) {
      if (made++ === count) return;
      const [x, y] = [tf.tensor4d(images, [16, 32, 32, 3]), tf.tensor1d(labels, 'int32')];
      yield { x, y };
      tf.dispose([x, y]);
    }
  }
}

const numbers = (loss: Tensor): number => {
  const [value] = loss.dataSync() as Float32Array;
  loss.dispose();
  return value as number;
};

const variables = (model: LayersModel) => variablesOf(model.weights);

describe('the compiled training step of MobileNetV1', () => {
  const options = { momentum: 0.9, weightDecay: 5e-4, decayNormsAndBiases: true, labelSmoothing: 0 };
  const build = () => mobilenetv1({ variant: 'cifar', width: 0.25, seed: 1 });

  it('gives the eager loss at each of 20 steps from the same state, and the next loss', () => {
    const tensors = tf.memory().numTensors;
    const model = build();
    const compiled = classifier(model, options);
    const twin = build();
    const eager = classifier(twin, options, { eager: true });
    const states = [
      [...variables(model), ...(compiled.optimiser.slots.momentum ?? [])],
      [...variables(twin), ...(eager.optimiser.slots.momentum ?? [])],
    ] as const;
    const differences: number[] = [];
    for (const { x, y } of steps(20)) {
      states[1].forEach((variable, i) => {
        const copy = (states[0][i] as Variable).clone();
        variable.assign(copy as never);
        copy.dispose();
      });
      const loss = numbers(compiled.train(x, y, 0.02));
      const expected = numbers(eager.train(x, y, 0.02));
      expect(loss).to.be.closeTo(expected, 1e-6 * expected);
      // Without a learning rate the next loss shows the weights after the step; the next round starts from equal states again.
      const kept = states[0].map((variable) => variable.clone());
      const next = numbers(eager.train(x, y, 0));
      differences.push(Math.abs(numbers(compiled.train(x, y, 0)) - next) / next);
      states[0].forEach((variable, i) => {
        variable.assign(kept[i] as never);
      });
      tf.dispose(kept);
    }
    // Fused operations add in another order. Where that takes an activation over a bend of ReLU6, or a channel hardly varies over 16 images, one step
    // differs by more; a wrong gradient makes them all differ.
    expect(median(differences)).to.be.below(5e-6);
    compiled.dispose();
    eager.dispose();
    model.dispose();
    twin.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('holds tensors and resident memory constant over 300 steps', () => {
    const model = build();
    const program = classifier(model, options);
    const run = (count: number) => {
      for (const { x, y } of steps(count)) numbers(program.train(x, y, 0.02));
    };
    run(10);
    const [tensors, resident] = [tf.memory().numTensors, process.memoryUsage().rss];
    run(300);
    expect(tf.memory().numTensors).to.equal(tensors);
    expect((process.memoryUsage().rss - resident) / 2 ** 20).to.be.lessThan(24);
    program.dispose();
    model.dispose();
  });

  it('is bit-equal in two processes with the same seed and number of threads', () => {
    const script = fileURLToPath(new URL('./testing/trainHash.js', import.meta.url));
    const hash = (threads: string) =>
      execFileSync(process.execPath, [script], {
        env: { ...process.env, TF_NUM_INTRAOP_THREADS: threads },
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    for (const threads of ['1', '2']) {
      const first = hash(threads);
      expect(first).to.match(/^[0-9a-f]{64}$/);
      expect(hash(threads)).to.equal(first);
    }
  });

  it('trains a model that another program made, loaded from its file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'refconv-model-'));
    try {
      // Plain tfjs in a process without this project's engine makes and saves the model.
      execFileSync(process.execPath, [fileURLToPath(new URL('./testing/foreignModel.js', import.meta.url)), folder]);
      const model = (await tf.loadLayersModel(`file://${folder}/model.json`)) as LayersModel;
      const losses = ([false, true] as const).map((eager) => {
        const before = variables(model).map((variable) => variable.clone());
        const program = classifier(model, options, { eager });
        const values: number[] = [];
        const batch = steps(1).next().value as { x: Tensor4D; y: Tensor1D };
        for (let step = 0; step < 4; step++) values.push(numbers(program.train(batch.x, batch.y, 0.02)));
        tf.dispose([batch.x, batch.y]);
        program.dispose();
        variables(model).forEach((variable, i) => {
          variable.assign(before[i] as never);
        });
        tf.dispose(before);
        return values;
      }) as [number[], number[]];
      losses[0].forEach((loss, i) => {
        expect(loss).to.be.closeTo(losses[1][i] as number, 1e-4);
      });
      expect(losses[0][3]).to.be.lessThan(losses[0][0] as number);
      model.dispose();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
