/**
 * What the code in the guides and in doc comments takes as given, so that an example is of what it shows. Nothing else is:
 * what a page's own package exports and what the page has imported before are in scope, and all other names are imported.
 */

/** Of a page in a browser, which loads it by a script; elsewhere `tf` is the module. */
declare const tf: typeof import('@tensorflow/tfjs');

/** A trained classifier from images [n, h, w, 3] to logits [n, classes]; before, in and after RefConv. */
declare const model: import('@tensorflow/tfjs').LayersModel;
declare const plain: import('@tensorflow/tfjs').LayersModel;
declare const refocused: import('@tensorflow/tfjs').LayersModel;
declare const merged: import('@tensorflow/tfjs').LayersModel;
declare const classifier: import('@tensorflow/tfjs').LayersModel;

/** A batch of images [n, h, w, 3] and its class numbers, int32 [n]. */
declare const images: import('@tensorflow/tfjs').Tensor4D;
declare const labels: import('@tensorflow/tfjs').Tensor1D;

/** Images in memory with their mean and deviation, and such in files. */
declare const data: import('@refconv/datasets').ImageDataset;
/** The same images, as trainings have them. */
declare const set: import('@refconv/datasets').MemoryDataset;
declare const mean: number[];
declare const std: number[];
declare const source: import('@refconv/datasets').ImageSource;

/** The runs of an experiment, and the rows of its table. */
declare const grid: import('@refconv/runs').Grid;

/** A folder to write into. */
declare const folder: string;
