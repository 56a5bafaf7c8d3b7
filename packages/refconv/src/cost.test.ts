/** Parameters and multiplications in training, as measured on the official blocks in torchvision's networks. */
import '@refconv/tensorflow';
import { buildBackbone } from '@refconv/backbones';
import { withoutDrawing } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildMethod, reparameterize, reparameterizedLayers } from './index.js';

interface Cost {
  taken: number;
  parameters: number;
  macs: number;
}

const COSTS: Record<'resnet18' | 'mobilenetv2', Record<string, Cost>> = {
  resnet18: {
    acb: { taken: 16, parameters: 19_028_520, macs: 2_931_593_216 },
    repvgg: { taken: 16, parameters: 12_923_688, macs: 2_000_326_656 },
    dbb: { taken: 16, parameters: 26_288_296, macs: 4_126_183_424 },
    wn: { taken: 16, parameters: 11_689_512 + 3_840, macs: 1_814_073_344 },
    cwn: { taken: 16, parameters: 11_689_512, macs: 1_814_073_344 },
    own: { taken: 16, parameters: 11_689_512, macs: 1_814_073_344 },
    refconv: { taken: 17, parameters: 11_681_832, macs: 1_814_073_344 },
  },
  mobilenetv2: {
    acb: { taken: 18, parameters: 3_576_936, macs: 321_810_560 },
    repvgg: { taken: 18, parameters: 3_538_696, macs: 304_280_320 },
    dbb: { taken: 18, parameters: 3_706_007, macs: 367_000_320 },
    wn: { taken: 18, parameters: 3_504_872 + 7_168, macs: 300_774_272 },
    cwn: { taken: 18, parameters: 3_504_872, macs: 300_774_272 },
    own: { taken: 18, parameters: 3_504_872, macs: 300_774_272 },
    refconv: { taken: 18, parameters: 44_050_952, macs: 300_774_272 },
  },
};

const numbers = (shape: (number | null)[]) => shape.reduce<number>((product, size) => product * (size as number), 1);
const parameters = (model: tf.LayersModel) =>
  model.trainableWeights.reduce((total, { shape }) => total + numbers(shape), 0);

/** For one image: convolutions and the classifier, re-parameterised layers as they say. */
function macs(model: tf.LayersModel): number {
  const taken = reparameterizedLayers(model);
  return model.layers.reduce((total, layer) => {
    const block = taken.find((other) => other === layer);
    if (block) return total + block.trainingMacs().image;
    const kernel = layer.weights.find(({ shape }) => shape.length > 1);
    const [, height = 1, width = 1] = (layer.outputShape as number[]).slice(0, -1);
    return kernel ? total + numbers(kernel.shape) * height * width : total;
  }, 0);
}

/** The 3×3 convolutions, as in the measurement; RefConv takes the 7×7 stem too. */
const selection = (method: string) => (method === 'refconv' ? undefined : { kernel: 3 });

for (const [network, costs] of Object.entries(COSTS)) {
  describe(`the cost of training ${network}`, () => {
    let plain: tf.LayersModel;
    before(() => {
      plain = withoutDrawing(() => buildBackbone(network));
    });
    after(() => plain.dispose());

    for (const [method, { taken, parameters: wanted, macs: wantedMacs }] of Object.entries(costs)) {
      it(method, async () => {
        const tensors = tf.memory().numTensors;
        const sized = selection(method);
        const select = sized && (({ kernelSize }: { kernelSize: number[] }) => kernelSize[0] === sized.kernel);
        const model = await reparameterize(plain, buildMethod(method), { select });
        expect(reparameterizedLayers(model).length).to.equal(taken);
        expect(parameters(model)).to.equal(wanted);
        expect(macs(model)).to.equal(wantedMacs);
        model.dispose();
        expect(tf.memory().numTensors).to.equal(tensors);
      });
    }
  });
}
