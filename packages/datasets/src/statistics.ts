import { checkSplit, type ImageSplit } from './dataset.js';

/**
 * Mean and standard deviation of every channel over all pixels of all images, in units where 255 is 1: what
 * {@link batches} takes as `mean` and `std`. Exact: the sums are integers.
 *
 * @throws {RangeError} if the split is empty or its arrays do not have the sizes that it states.
 * @example
 * ```ts
 * const { mean, std } = channelStatistics(data.train);
 * ```
 */
export function channelStatistics(split: ImageSplit): { mean: number[]; std: number[] } {
  checkSplit(split);
  const { images, channels } = split;
  const pixels = images.length / channels;
  if (!(pixels > 0)) throw new RangeError('channelStatistics: the split has no pixels; give at least one image.');
  const histogram = new Float64Array(channels * 256);
  for (let p = 0; p < images.length; p += channels) {
    for (let c = 0; c < channels; c++) histogram[c * 256 + images[p + c]]++;
  }
  const mean: number[] = [];
  const std: number[] = [];
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    let squares = 0;
    for (let value = 0; value < 256; value++) {
      const n = histogram[c * 256 + value];
      sum += n * value;
      squares += n * value * value;
    }
    const average = sum / pixels;
    mean.push(average / 255);
    std.push(Math.sqrt(Math.max(0, squares / pixels - average * average)) / 255);
  }
  return { mean, std };
}
