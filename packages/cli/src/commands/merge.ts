import { merge } from '@refconv/refconv';
import { openSource, type SourceOptions } from '../source.js';
import { checkTarget, isSafetensors, writeTarget } from '../target.js';

export async function mergeCommand({ output, ...options }: SourceOptions & { output: string }): Promise<void> {
  checkTarget(output);
  const { model, notes } = await openSource(options, undefined, { tensorsOnly: isSafetensors(output) });
  console.log(await writeTarget(output, await merge(model), notes));
}
