/** Worker of the benchmark of attacks: PGD on a batch of random images by compiled ResNet-20. */
import { attack, attacker, cost } from '@refconv/analysis';
import { serve } from '@refconv/analysis/measurement/serve';
import { buildBackbone } from '@refconv/backbones';
import { stream } from '@refconv/datasets';

export interface AttackSetting {
  batch: number;
  /** In 1/255. */
  eps: number;
  steps: number;
  threads: number;
}

await serve(async ({ batch, eps, steps }: AttackSetting) => {
  const model = buildBackbone('resnet20_cifar', { classes: 10 });
  const program = attacker(model, { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25], batchSize: batch });
  const random = stream(1, 'images');
  const images = Array.from({ length: batch }, () => Float32Array.from({ length: 3072 }, () => random.uniform()));
  const { trainable, macs } = cost(model);
  return {
    parameters: trainable,
    multiplyAdds: macs,
    async step() {
      const tasks = images.map((pixels, image) => ({
        label: image % 10,
        walk: attack({ image, pixels, label: image % 10 }, eps, { attack: 'pgd', steps, whole: true }),
      }));
      const attacked = await program.run(tasks);
      return (attacked ?? []).filter(({ broken }) => !broken).length / batch;
    },
  };
});
