import { openSource, type SourceOptions } from '@refconv/runs/networks';
import { readWeightsFile, writeWeights } from '@refconv/weights';
import { checkTarget, isSafetensors, writeTarget } from '../target.js';

export async function convert({ output, ...options }: SourceOptions & { output: string }): Promise<void> {
  checkTarget(output);
  const { model: folder, backbone, weights } = options;
  if (weights !== undefined && !folder && !backbone && isSafetensors(output)) {
    const { state, metadata } = await readWeightsFile(weights);
    await writeWeights(output, state, { ...metadata, format: 'pt' });
    console.log(`${state.size} tensors: ${output}`);
    return;
  }
  if (backbone && weights === undefined)
    throw new Error('--backbone needs the weights to convert: add --weights FILE.');
  const { model, notes } = await openSource(options, undefined, { tensorsOnly: isSafetensors(output) });
  console.log(await writeTarget(output, model, notes));
}
