/** The re-parameterisation that the command line asks for. */
import {
  buildMethod,
  type LeftLayer,
  type RefConvOptions,
  type ReparameterizeOptions,
  reparameterize,
  type Selection,
} from '@refconv/refconv';
import { leftOutText } from '@refconv/training/leftOut';
import type { LayersModel } from '@tensorflow/tfjs';

/** The options of a method as the command line has them. */
export interface MethodFlags extends RefConvOptions, Omit<ReparameterizeOptions, 'select' | 'onLeft'> {
  select?: RegExp;
  /** Of the rivals, by name; RefConv's are options of their own. */
  option?: Record<string, unknown>;
}

/** RefConv's options alone. */
export function refconvOptions({ mapKernel, init, identity, basis, trainableBasis }: MethodFlags): RefConvOptions {
  return { mapKernel, init, identity, basis, trainableBasis };
}

/**
 * The options of a method that the command line gives.
 * @throws Error for those of another method, and for a seed.
 */
export function methodOptions(id: string, flags: MethodFlags): object {
  const { option = {} } = flags;
  if ('seed' in option) throw new Error('--option seed=… is no option of a method; `refconv train` has --seed.');
  if (id === 'refconv' && Object.keys(option).length)
    throw new Error('--option is for other methods; RefConv has options of its own, such as --map-kernel.');
  return id === 'refconv' ? refconvOptions(flags) : option;
}

/**
 * A copy of the model with the method's layers in the place of its convolutions; the given model is disposed.
 * @param choice.onLeft is told of the layers that stay as they are; by default they are printed.
 * @param choice.select the convolutions that are taken where the command line does not say. Default: all spatial ones.
 */
export async function reparameterized(
  model: LayersModel,
  id: string,
  flags: MethodFlags,
  choice: Pick<ReparameterizeOptions, 'onLeft'> & { select?: Selection | undefined } = {},
): Promise<LayersModel> {
  const { select, start, withoutBatchNorm, seed } = flags;
  const method = buildMethod(id, methodOptions(id, flags));
  const print = (left: readonly LeftLayer[]) => console.log(leftOutText({ layers: [...left] }).join('\n'));
  const onLeft = choice.onLeft ?? print;
  const chosen = select ? ({ name }: { name: string }) => select.test(name) : choice.select;
  const named = chosen && { select: chosen };
  const result = await reparameterize(model, method, { start, withoutBatchNorm, seed, onLeft, ...named });
  model.dispose();
  return result;
}
