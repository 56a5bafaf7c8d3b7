/** How a network's images are prepared, as the transform's text that `@refconv/datasets` reads. */
import { type Preprocessing, TORCHVISION_PREPROCESSING } from './backbone.js';
import { BACKBONES } from './registry.js';

/**
 * What a network's published weights were evaluated with: those weights where the file's name is that of one of them, else the
 * network's first; torchvision's first recipe for a network that is not known.
 * @example
 * ```ts
 * const { mean, std, crop } = publishedPreprocessing('mobilenetv1');
 * ```
 */
export function publishedPreprocessing(id?: string, weights?: string): Preprocessing {
  const { published = [] } = BACKBONES.find(id) ?? {};
  const named = weights && published.find((one) => fileName(one.weights) === fileName(weights));
  return (named || published[0])?.preprocessing ?? TORCHVISION_PREPROCESSING;
}

/**
 * Resize and centre crop, such as `resize(256)|centerCrop(224)|normalize(…)`.
 * @param size of what comes out, in pixels, where it is not the preprocessing's own: the resize changes in proportion.
 * @example
 * ```ts
 * evaluationTransform(publishedPreprocessing('mobilenetv1')); // 'resize(…)|centerCrop(224)|normalize(…)'
 * ```
 */
export function evaluationTransform(preprocessing: Preprocessing, size: number = preprocessing.crop): string {
  const { resize = preprocessing.crop, crop, interpolation = 'bilinear' } = preprocessing;
  const side = Math.round((resize * size) / crop);
  const how = { bilinear: '', bicubic: ',interpolation=bicubic', 'bilinear-opencv': ',interpolation=opencv' };
  return `resize(${side}${how[interpolation]})|centerCrop(${size})|${numbers(preprocessing)}`;
}

const fileName = (path: string) => path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);

function numbers({ channels, range, mean, std }: Preprocessing): string {
  const toOne = (values: readonly number[]) => values.map((value) => value / range[1]);
  const inRgb = (values: readonly number[]) => (channels === 'BGR' ? values.toReversed() : values).join('/');
  const asIs = range[1] === 255 && mean.every((value) => value === 0) && std.every((value) => value === 1);
  const scale = asIs ? 'range255' : `normalize(${inRgb(toOne(mean))},${inRgb(toOne(std))})`;
  return channels === 'BGR' ? `${scale}|bgr` : scale;
}
