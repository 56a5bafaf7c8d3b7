import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withDecoding } from '@refconv/detection';
import { merge, refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { exportSavedModel } from './savedModel.js';
import { decodeSavedModel } from './tensorflowProto.js';
import {
  expectClose,
  images,
  inFolder,
  mergedDetector,
  mergedSegmenter,
  messageOf,
  randomize,
  smallBackbone,
  TESTED,
} from './testing/models.js';

/** Exports, loads, and compares with the model for batches of these sizes. */
async function expectRoundTrip(model: LayersModel, folder: string, batches = [1, 5]): Promise<void> {
  const before = tf.memory().numTensors;
  await exportSavedModel(model, folder);
  const loaded = await tf.node.loadSavedModel(folder);
  for (const batch of batches) {
    tf.tidy(() => {
      const x = images(model, batch, batch);
      const found = loaded.predict(x) as Tensor;
      const wanted = model.predict(x) as Tensor;
      expect(found.shape).to.deep.equal(wanted.shape);
      expectClose(found.dataSync(), wanted.dataSync());
    });
  }
  loaded.dispose();
  expect(tf.memory().numTensors - before, 'tensors left').to.equal(0);
}

const small = (
  ...layers: Parameters<typeof tf.sequential>[0] extends { layers?: infer L } | undefined ? NonNullable<L> : never
) =>
  randomize(
    tf.sequential({ layers: [tf.layers.conv2d({ filters: 4, kernelSize: 3, inputShape: [8, 8, 3] }), ...layers] }),
  );

/** A layer that no graph can have for batches of any size. */
class TimesBatch extends tf.layers.Layer {
  static className = 'TimesBatch';
  override call(inputs: Tensor | Tensor[]): Tensor {
    const x = Array.isArray(inputs) ? inputs[0] : inputs;
    return tf.mul(x, x.shape[0]);
  }
}

describe('exportSavedModel', () => {
  for (const id of TESTED) {
    it(
      `writes ${id}, which tfjs-node loads`,
      inFolder(async (folder) => {
        const model = smallBackbone(id);
        await expectRoundTrip(model, join(folder, 'model'));
        model.dispose();
      }),
    );
  }

  it(
    'writes a merged model',
    inFolder(async (folder) => {
      const model = smallBackbone('mobilenetv2');
      const refocused = await refocus(model);
      const merged = await merge(refocused);
      await expectRoundTrip(merged, join(folder, 'model'));
      for (const each of [model, refocused, merged]) each.dispose();
    }),
  );

  it(
    'writes a merged segmenter with dilated convolutions',
    inFolder(async (folder) => {
      const model = await mergedSegmenter();
      await expectRoundTrip(model, join(folder, 'model'));
      model.dispose();
    }),
  );

  it(
    'writes a merged detector with its decoding, under the names of its outputs',
    inFolder(async (folder) => {
      const plain = await mergedDetector();
      const model = withDecoding(plain);
      await exportSavedModel(model, join(folder, 'model'));
      const loaded = await tf.node.loadSavedModel(join(folder, 'model'));
      tf.tidy(() => {
        const x = images(model, 3);
        const wanted = model.predict(x) as Tensor[];
        const found = loaded.predict({ image: x }) as unknown as Record<string, Tensor>;
        for (const [i, name] of ['scores', 'boxes'].entries())
          expectClose((found[name] as Tensor).dataSync(), (wanted[2 + i] as Tensor).dataSync());
        expect(Object.keys(found)).to.have.length(4);
      });
      loaded.dispose();
      plain.dispose();
    }),
  );

  it(
    'writes stock operations alone, the names of its input and output, and any size of the batch',
    inFolder(async (folder) => {
      const model = smallBackbone('mobilenetv1');
      await exportSavedModel(model, join(folder, 'model'));
      const [{ graph, signatures }] = decodeSavedModel(
        await readFile(join(folder, 'model', 'saved_model.pb')),
      ).metaGraphs;
      const operations = new Set(graph.node.map(({ op }) => op));
      expect([...operations]).to.include.members(['Conv2D', 'DepthwiseConv2dNative', 'FusedBatchNorm']);
      expect([...operations].filter((op) => /^Refconv|Variable/.test(op))).to.deep.equal([]);
      const { inputs, outputs } = signatures.serving_default;
      const sizes = ({ shape }: { shape: { dim: { size: number }[] } }) => shape.dim.map(({ size }) => Number(size));
      expect(sizes(inputs.image)).to.deep.equal([-1, 32, 32, 3]);
      expect(sizes(outputs.logits)).to.deep.equal([-1, 10]);
      model.dispose();
    }),
  );

  it(
    'writes a refocused model that is not merged by stock operations as well',
    inFolder(async (folder) => {
      const model = small(tf.layers.conv2d({ filters: 4, kernelSize: 3 }), tf.layers.flatten());
      const refocused = await refocus(model);
      await expectRoundTrip(refocused, join(folder, 'model'));
      const bytes = await readFile(join(folder, 'model', 'saved_model.pb'));
      expect(bytes.includes('Refconv')).to.equal(false);
      for (const each of [model, refocused]) each.dispose();
    }),
  );

  it(
    'leaves the batch open where layers compute with its size',
    inFolder(async (folder) => {
      const model = small(tf.layers.layerNormalization(), tf.layers.flatten(), tf.layers.repeatVector({ n: 3 }));
      await expectRoundTrip(model, join(folder, 'model'));
      model.dispose();
    }),
  );

  it(
    'refuses other uses of the size of the batch, unless it is fixed',
    inFolder(async (folder) => {
      const model = small(new TimesBatch(), tf.layers.flatten());
      const path = join(folder, 'model');
      expect(await messageOf(exportSavedModel(model, path))).to.match(/their size decides a constant. Give `batch`/);
      await exportSavedModel(model, path, { batch: 2 });
      const loaded = await tf.node.loadSavedModel(path);
      tf.tidy(() => {
        const x = images(model, 2);
        expectClose((loaded.predict(x) as Tensor).dataSync(), (model.predict(x) as Tensor).dataSync());
      });
      loaded.dispose();
      model.dispose();
    }),
  );

  it(
    'fixes the batch where it is told to',
    inFolder(async (folder) => {
      const model = small(tf.layers.flatten());
      await exportSavedModel(model, join(folder, 'model'), { batch: 2 });
      const loaded = await tf.node.loadSavedModel(join(folder, 'model'));
      expect(
        Object.values(loaded.inputs)[0].shape?.map((size) => (size as unknown as { u: number[] }).u[0]),
      ).to.deep.equal([2, 8, 8, 3]);
      loaded.dispose();
      model.dispose();
    }),
  );

  it(
    'writes several inputs and outputs under the names of their layers',
    inFolder(async (folder) => {
      const [a, b] = ['left', 'right'].map((name) => tf.input({ shape: [3], name }));
      const sum = tf.layers.add({ name: 'sum' }).apply([a, b]) as SymbolicTensor;
      const product = tf.layers.multiply({ name: 'product' }).apply([a, b]) as SymbolicTensor;
      const model = tf.model({ inputs: [a, b], outputs: [sum, product] });
      await exportSavedModel(model, join(folder, 'model'));
      const loaded = await tf.node.loadSavedModel(join(folder, 'model'));
      tf.tidy(() => {
        const result = loaded.predict({ left: tf.tensor2d([[1, 2, 3]]), right: tf.tensor2d([[4, 5, 6]]) });
        const { sum, product } = result as Record<string, Tensor>;
        expect([...sum.dataSync()]).to.deep.equal([5, 7, 9]);
        expect([...product.dataSync()]).to.deep.equal([4, 10, 18]);
      });
      loaded.dispose();
      model.dispose();
    }),
  );

  it(
    'says what cannot be written',
    inFolder(async (folder) => {
      const path = join(folder, 'model');
      const open = tf.sequential({
        layers: [tf.layers.conv2d({ filters: 1, kernelSize: 1, inputShape: [null, null, 3] })],
      });
      expect(await messageOf(exportSavedModel(open, path))).to.match(
        /open shape \[any,any,any,3\].*size of its images/,
      );
      const model = small(tf.layers.flatten());
      expect(await messageOf(exportSavedModel(model, path, { batch: 0.5 }))).to.match(/batch must be .* given 0.5/);
      await exportSavedModel(model, path);
      expect(await messageOf(exportSavedModel(model, path))).to.match(/is there already/);
      open.dispose();
      model.dispose();
    }),
  );

  it("writes what Python's TensorFlow loads", async function () {
    const python = process.env.REFCONV_PYTHON ?? 'python3';
    const run = (program: string, ...args: string[]) =>
      spawnSync(python, ['-c', program, ...args], { encoding: 'utf8' });
    if (run('import tensorflow').status !== 0) {
      console.log(`      (${python} has no tensorflow; REFCONV_PYTHON names one that has)`);
      this.skip();
    }
    await inFolder(async (folder) => {
      for (const id of ['mobilenetv2', 'shufflenetv1_g3']) {
        const model = smallBackbone(id);
        await exportSavedModel(model, join(folder, id));
        const x = images(model, 3);
        const wanted = model.predict(x) as Tensor;
        await writeFile(join(folder, 'x'), x.dataSync());
        const { stdout, stderr } = run(
          `
import sys, numpy, tensorflow
x = numpy.fromfile(sys.argv[2], numpy.float32).reshape(3, 32, 32, 3)
function = tensorflow.saved_model.load(sys.argv[1]).signatures['serving_default']
print(function(image=tensorflow.constant(x))['logits'].numpy().ravel().tolist())`,
          join(folder, id),
          join(folder, 'x'),
        );
        expect(stdout, stderr).to.match(/^\[/);
        expectClose(JSON.parse(stdout), wanted.dataSync());
        tf.dispose([x, wanted]);
        model.dispose();
      }
    })();
  });
});
