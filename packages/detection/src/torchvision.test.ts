import { tf } from '@refconv/tensorflow';
import { torchState } from '@refconv/weights';
import { expect } from 'chai';
import { expectNoLeaks } from '../../backbones/dist/testing/reference.js';
import { buildDetector } from './detector.js';
import { fromTorchvision, optionsOf } from './torchvision.js';

const OPTIONS = { backbone: 'mobilenetv3_large_torchvision', classes: 91, inputSize: [320, 320] } as const;

describe("torchvision's ssdlite320", () => {
  expectNoLeaks();

  it('has as many parameters as published, and keys that are renamed to ours', async () => {
    const model = await buildDetector({ ...OPTIONS, reducedTail: true });
    const count = model.trainableWeights.reduce((sum, { shape }) => sum + tf.util.sizeFromShape(shape as number[]), 0);
    expect(count).to.equal(3_440_060);
    const ours = torchState(model);
    model.dispose();
    expect(optionsOf(ours)).to.deep.equal({ classes: 91, reducedTail: true });

    // As `SSDLiteFeatureExtractorMobileNet` cuts the features: [:13], [13].block[0] | [13].block[1:], [14:].
    const theirs = new Map(
      [...ours].map(([key, tensor]) => {
        const [, feature, rest] = /^backbone\.features\.(\d+)\.(.*)$/.exec(key) ?? [];
        if (rest === undefined) return [key, tensor];
        const i = Number(feature);
        if (i < 13) return [`backbone.features.0.${i}.${rest}`, tensor];
        if (i > 13) return [`backbone.features.1.${i - 13}.${rest}`, tensor];
        return [`backbone.features.${rest.replace(/^block\.0/, '0.13').replace(/^block/, '1.0')}`, tensor];
      }),
    );
    expect([...theirs.keys()]).to.include.members([
      'backbone.features.0.0.0.weight',
      'backbone.features.0.13.1.running_mean',
      'backbone.features.1.0.2.fc1.bias',
      'backbone.features.1.3.0.weight',
    ]);
    expect(new Set(theirs.keys()).size).to.equal(ours.size);
    expect([...fromTorchvision(theirs).keys()]).to.deep.equal([...ours.keys()]);
    expect([...fromTorchvision(ours).keys()]).to.deep.equal([...ours.keys()]);
  });

  it('is told from a network with its whole tail', async () => {
    const model = await buildDetector(OPTIONS);
    expect(optionsOf(torchState(model))).to.deep.equal({ classes: 91 });
    model.dispose();
  });
});
