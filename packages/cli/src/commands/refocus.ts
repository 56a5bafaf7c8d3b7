import { refconvParameters } from '@refconv/refconv';
import { openSource, type SourceOptions, sourceOptions } from '@refconv/runs/networks';
import { type MethodFlags, reparameterized } from '../method.js';
import { checkTarget, isSafetensors, writeTarget } from '../target.js';

export async function refocusCommand(options: SourceOptions & MethodFlags & { output: string }): Promise<void> {
  checkTarget(options.output);
  const { model, notes } = await openSource(sourceOptions(options), undefined, {
    tensorsOnly: isSafetensors(options.output),
  });
  // Of a segmenter the backbone alone is refocused where nothing else is said.
  const select = notes.task === 'segmentation' ? (await import('@refconv/segmentation')).inBackbone : undefined;
  const refocused = await reparameterized(model, 'refconv', options, { select });
  const { basis, map } = refconvParameters(refocused);
  console.log(await writeTarget(options.output, refocused, notes));
  console.log(
    `W_b: ${basis.toLocaleString('en')} numbers, W_r: ${map.toLocaleString('en')}. \`refconv train --model\` trains it.`,
  );
}
