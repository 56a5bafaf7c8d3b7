/** torchvision's published ssdlite320 checkpoints, whose backbone MobileNetV3 is cut in two at its last stride. */
import type { TorchState } from '@refconv/backbones';

/** The stem's convolution, which lies one level deeper there. */
const STEM = 'backbone.features.0.0.0.weight';

/**
 * The keys of torchvision's ssdlite320 checkpoints as `buildDetector` has them: `features.0` holds the blocks up to the expansion of the
 * first one of stride 32, `features.1` the rest of it and what follows. Other states are returned as they are.
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

/** Whether the weights, under `buildDetector`'s keys, are of a MobileNetV3 whose last blocks have half the channels. */
export function hasReducedTail(state: TorchState): boolean {
  const outputs = (layer: string) => state.get(`backbone.features.${layer}.weight`)?.shape[0];
  const [large, small] = [
    { cut: 13, last: 16 },
    { cut: 9, last: 12 },
  ];
  return [large, small].some(({ cut, last }) => {
    const [expanded, final] = [outputs(`${cut}.block.0.0`), outputs(`${last}.0`)];
    return expanded !== undefined && final !== undefined && final <= expanded;
  });
}
