import { readWeights, writeWeights } from '@refconv/backbones';
import { openSource, type SourceOptions } from '../source.js';
import { checkTarget, writeTarget } from '../target.js';

export async function convert({ output, ...options }: SourceOptions & { output: string }): Promise<void> {
  checkTarget(output);
  const { model: folder, backbone, weights } = options;
  if (weights !== undefined && !folder && !backbone) {
    if (!output.toLowerCase().endsWith('.safetensors')) {
      throw new Error(
        'A model folder needs the network too: add --backbone ID. Without it the output is a .safetensors file.',
      );
    }
    const state = await readWeights(weights);
    await writeWeights(output, state, { format: 'pt' });
    console.log(`${state.size} tensors: ${output}`);
    return;
  }
  if (backbone && weights === undefined)
    throw new Error('--backbone needs the weights to convert: add --weights FILE.');
  const { model, notes } = await openSource(options);
  console.log(await writeTarget(output, model, notes));
}
