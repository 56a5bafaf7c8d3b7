import { type RefConvOptions, refconvParameters, refocus } from '@refconv/refconv';
import { openSource, type SourceOptions } from '../source.js';
import { checkTarget, writeTarget } from '../target.js';

/** The options of RefConv as the command line has them. */
export interface RefConvFlags extends RefConvOptions {
  select?: RegExp;
}

/** `refocus`'s options from the command line's. */
export function refocusOptions({ mapKernel, init, identity, basis, trainableBasis, select, seed }: RefConvFlags) {
  const named = select && (({ name }: { name: string }) => select.test(name));
  return { mapKernel, init, identity, basis, trainableBasis, seed, ...(named && { select: named }) };
}

/** The options that say which network, without those of RefConv. */
export function sourceOptions<T extends SourceOptions>(options: T): SourceOptions {
  const { model, backbone, weights, refconv, variant, width, activation, classes, inputSize, seed } = options;
  return { model, backbone, weights, refconv, variant, width, activation, classes, inputSize, seed };
}

export async function refocusCommand(options: SourceOptions & RefConvFlags & { output: string }): Promise<void> {
  checkTarget(options.output);
  const { model, notes } = await openSource(sourceOptions(options));
  const refocused = await refocus(model, refocusOptions(options));
  const { basis, map } = refconvParameters(refocused);
  console.log(await writeTarget(options.output, refocused, notes));
  console.log(
    `W_b: ${basis.toLocaleString('en')} numbers, W_r: ${map.toLocaleString('en')}. \`refconv train --model\` trains it.`,
  );
}
