/** How far a step moves the kernels that are convolved with: the learning rate that a network feels, whatever its weights are. */
import { effectiveKernels } from '@refconv/refconv';
import type { LayersModel } from '@tensorflow/tfjs';

/** Steps of an epoch that are looked at. */
const SAMPLES = 4;

/**
 * Watches a few steps of each epoch, evenly spaced, its first one among them. `before` and `after` are called around every step;
 * `after` gives the mean over the spatial convolutions of ‖ΔW‖ / ‖W‖, with W as merging would give it, or undefined where the step is not looked at.
 */
export function kernelWatch(model: LayersModel, stepsPerEpoch: number) {
  const kernels = effectiveKernels(model);
  const every = Math.ceil(stepsPerEpoch / SAMPLES);
  let earlier: Float32Array[] | undefined;
  const read = () => kernels.map((kernel) => kernel.read());
  return {
    /** @param step within the epoch. */
    before(step: number): void {
      earlier = kernels.length > 0 && step % every === 0 ? read() : undefined;
    },
    after(): number | undefined {
      if (!earlier) return undefined;
      const later = read();
      const changes = earlier.map((from, i) => relativeChange(from, later[i] ?? from));
      return changes.reduce((sum, change) => sum + change, 0) / changes.length;
    },
  };
}

/** ‖to − from‖ / ‖from‖; 0 where neither has a length. */
function relativeChange(from: Float32Array, to: Float32Array): number {
  let [moved, length] = [0, 0];
  from.forEach((value, i) => {
    moved += ((to[i] ?? Number.NaN) - value) ** 2;
    length += value ** 2;
  });
  return moved === 0 ? 0 : Math.sqrt(moved / length);
}
