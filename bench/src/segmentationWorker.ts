/** A worker of the benchmark of segmentation: the training's own step, on one random batch. */
import { trainingCost } from '@refconv/analysis';
import { serve } from '@refconv/analysis/measurement/serve';
import { refocus } from '@refconv/refconv';
import { buildSegmenter, inBackbone, SEGMENTATION_RECIPE, segmentation } from '@refconv/segmentation';
import { tf } from '@refconv/tensorflow';
import { trainer } from '@refconv/training';
import { versions } from './network.js';

export interface SegmentationSetting {
  size: readonly [height: number, width: number];
  batch: number;
  width: number;
  refconv: boolean;
  threads: number;
}

export const CLASSES = 11;
const LEARNING_RATE = 0.01;

await serve(async ({ size, batch, width, refconv }: SegmentationSetting) => {
  const options = { backbone: 'mobilenetv1', activation: 'relu', width, classes: CLASSES, inputSize: size } as const;
  const plain = await buildSegmenter(options);
  const model = refconv ? await refocus(plain, { select: inBackbone }) : plain;
  const program = trainer(model, segmentation, SEGMENTATION_RECIPE);
  const images = tf.randomNormal([batch, ...size, 3]) as Parameters<typeof program.train>[0];
  const labels = tf.randomUniform([batch, ...size], 0, CLASSES, 'int32');
  const { trainable, macs } = trainingCost(model);
  return {
    parameters: trainable,
    multiplyAdds: macs.image + macs.step / batch,
    versions: versions(tf as never),
    step: () => {
      const loss = program.train(images, labels, LEARNING_RATE);
      const [value] = loss.dataSync();
      loss.dispose();
      return value as number;
    },
  };
});
