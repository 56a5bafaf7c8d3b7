/** Which losses there are, as plain values. */
import { z } from 'zod';
import { belowOne, group, positive, uptoOne, yesOrNo } from './recipeParts.js';

export const lossSchema = z.discriminatedUnion(
  'id',
  [
    group("{ id: 'cross-entropy' }", { id: z.literal('cross-entropy') }),
    /**
     * Each class by itself, as images with several labels need and mixed ones may have: the mean over images and classes. `threshold`: targets
     * above it count as 1, the others as 0. `sumClasses`: the sum over the classes, and the mean over images. As timm's BinaryCrossEntropy.
     */
    group("{ id: 'binary-cross-entropy' }", {
      id: z.literal('binary-cross-entropy'),
      threshold: belowOne.optional(),
      sumClasses: yesOrNo.optional(),
    }),
  ],
  "expected { id: 'cross-entropy' } or { id: 'binary-cross-entropy' }",
);
export type LossChoice = z.infer<typeof lossSchema>;

/** Learning from what another network makes of the same images: Hinton et al., arXiv 1503.02531. */
export const distillationSchema = group('{ weight: 0.5, temperature: 4 }', {
  /** Of the teacher's part; the labels' has the rest. From above 0 to 1. */
  weight: uptoOne.meta({ option: '--distillation <weight>', about: "of the teacher's part in the loss, to 1" }),
  /** T, which both networks' logits are divided by; the teacher's part counts T² times. Default: 1. */
  temperature: positive
    .meta({ option: '--temperature <T>', about: "what teacher's and student's logits are divided by; default: 1" })
    .optional(),
});
export type Distillation = z.infer<typeof distillationSchema>;
