/** Which schedules of the learning rate there are, as plain values. */
import { z } from 'zod';
import { group, index, number, positive, yesOrNo } from './recipeParts.js';

const share = number('a number above 0 and below 1', (value) => value > 0 && value < 1);
const fromOne = number('a number from 1', (value) => value >= 1);
const RISING = 'expected rising numbers above 0, such as [30, 60, 80]';
const rising = z
  .array(z.number(RISING), RISING)
  .refine((list) => list.length > 0 && list.every((each, i) => each > (list[i - 1] ?? 0)), RISING);

const schedule = <Id extends string, Shape extends z.core.$ZodLooseShape>(id: Id, entries: Shape) =>
  group(`{ id: '${id}' }`, {
    id: z.literal(id),
    ...entries,
    /** The rate changes between epochs alone, as timm's does by default. Default: false, at every step. */
    perEpoch: yesOrNo.optional(),
    /** Its length and its epochs count from the first step, those of the warm-up too (timm without --warmup-prefix). Default: false. */
    countWarmUp: yesOrNo.optional(),
  });

const FORMS = [
  schedule('cosine', {}),
  schedule('constant', {}),
  /** Times `factor` every so many epochs. */
  schedule('step', { every: positive, factor: share }),
  /** Times `factor` after each of these epochs, as torch.optim.lr_scheduler.MultiStepLR. */
  schedule('milestones', { epochs: rising, factor: share }),
  /** (1 − t)^power. Default: 0.5, as timm's; segmentation has 0.9. */
  schedule('polynomial', { power: positive.optional() }),
  /**
   * Smith and Topin, arXiv 1708.07120, as torch.optim.lr_scheduler.OneCycleLR: a cosine from learningRate / start up to it, for the share `rise`
   * of the steps, then one down to learningRate / start / end. Defaults: 0.3, 25, 10⁴.
   */
  schedule('one-cycle', { rise: share.optional(), start: fromOne.optional(), end: fromOne.optional() }),
  /**
   * Times `factor` where the loss has not fallen by the share `threshold` for more than `patience` epochs; then waits for `cooldown` epochs. The loss is
   * that of the validation images, where there are some, else of training; never of the test images. Defaults: 0.1, 10, 10⁻⁴, 0.
   */
  schedule('plateau', {
    factor: share.optional(),
    patience: index.optional(),
    threshold: share.optional(),
    cooldown: index.optional(),
  }),
] as const;

export const SCHEDULES = FORMS.map(({ shape }) => shape.id.value);

/** What a learning rate does after its warm-up, or with `countWarmUp` from the first step on. */
export const scheduleSchema = z.discriminatedUnion(
  'id',
  FORMS,
  `expected an object such as { id: 'cosine' }, with one of ${SCHEDULES.join(', ')}`,
);
export type ScheduleChoice = z.infer<typeof scheduleSchema>;
