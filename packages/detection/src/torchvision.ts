/** Weights from files: torchvision's published ssdlite320 checkpoints, and what weights tell about their network. */
import type { TorchState } from '@refconv/weights';
import { ANCHORS_PER_PLACE } from './anchors.js';
import type { DetectorOptions } from './detector.js';
import { headLayer } from './ssdlite.js';

/** The stem's convolution, which lies one level deeper there. */
const STEM = 'backbone.features.0.0.0.weight';

/**
 * The keys of torchvision's ssdlite320 checkpoints as `buildDetector` has them: `features.0` holds the blocks up to the expansion of the
 * first one of stride 32 of MobileNetV3, `features.1` the rest of it and what follows. Other states are returned as they are.
 * @example
 * ```ts
 * import { readWeights } from '@refconv/weights';
 * const state = fromTorchvision(await readWeights('ssdlite320_mobilenet_v3_large_coco.pth'));
 * ```
 */
export function fromTorchvision(state: TorchState): TorchState {
  if (!state.has(STEM)) return state;
  const blocks = [...state.keys()].flatMap((key) => /^backbone\.features\.0\.(\d+)\./.exec(key)?.[1] ?? []);
  const cut = Math.max(...blocks.map(Number));
  const renamed = (_: string, half: string, i: string, rest: string) => {
    if (half === '0') return `backbone.features.${Number(i) === cut ? `${i}.block.0` : i}.${rest}`;
    // The rest of the cut block is a module of its own, the first one, whose parts keep their numbers.
    return i === '0' ? `backbone.features.${cut}.block.${rest}` : `backbone.features.${cut + Number(i)}.${rest}`;
  };
  return new Map(
    [...state].map(([key, tensor]) => [key.replace(/^backbone\.features\.([01])\.(\d+)\.(.*)$/, renamed), tensor]),
  );
}

/**
 * The options of `buildDetector` that weights under its keys tell; those of other networks tell none.
 * @example
 * ```ts
 * import { readWeights } from '@refconv/weights';
 * const state = fromTorchvision(await readWeights('ssdlite320_mobilenet_v3_large_coco.pth'));
 * const model = await buildDetector({
 *   ...{ backbone: 'mobilenetv3_large_torchvision', classes: 91, inputSize: [320, 320] },
 *   ...optionsOf(state),
 * });
 * ```
 */
export function optionsOf(
  state: TorchState,
): Pick<DetectorOptions, 'reducedTail'> & Partial<Pick<DetectorOptions, 'classes'>> {
  const outputs = (layer: string) => state.get(`${layer}.weight`)?.shape[0];
  const logits = outputs(headLayer('logits', 0));
  return {
    ...(logits !== undefined && { classes: logits / ANCHORS_PER_PLACE }),
    ...(hasReducedTail((layer) => outputs(`backbone.features.${layer}`)) && { reducedTail: true }),
  };
}

/** A reduced tail of MobileNetV3, large or small, ends with no more channels than its first block expands to. */
function hasReducedTail(outputs: (layer: string) => number | undefined): boolean {
  const ends = [
    { expansion: '13.block.0.0', last: '16.0' },
    { expansion: '9.block.0.0', last: '12.0' },
  ];
  return ends.some(({ expansion, last }) => (outputs(last) ?? Infinity) <= (outputs(expansion) ?? 0));
}
