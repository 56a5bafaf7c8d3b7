import { counted, listed } from '@refconv/datasets/text';
import { merge } from '@refconv/refconv';
import { openSource, type SourceOptions } from '@refconv/runs/networks';
import { neutralBatchNorms } from '@refconv/training';
import { checkTarget, isSafetensors, writeTarget } from '../target.js';

export async function mergeCommand({ output, ...options }: SourceOptions & { output: string }): Promise<void> {
  checkTarget(output);
  const { model, notes } = await openSource(options, undefined, { tensorsOnly: isSafetensors(output) });
  const merged = await merge(model);
  console.log(await writeTarget(output, merged, notes));
  const neutral = neutralBatchNorms(merged);
  if (neutral.length > 0) {
    console.log(
      `${counted(neutral.length, 'batch norm')} only add a bias now: ${listed(neutral)}. Merged it computes the same; trained on it would differ, as they ` +
        'normalise by the batch then. Train before merging.',
    );
  }
}
