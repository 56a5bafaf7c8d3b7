export {
  cacheFolder,
  type Environment,
  type Holder,
  holderOf,
  type Lock,
  type LockOptions,
  tryLock,
  withLock,
} from '@refconv/files';
export {
  type Augmentation,
  type Batch,
  type BatchOptions,
  batchCount,
  batches,
  CIFAR10_MEAN,
  CIFAR10_STD,
} from './batches.js';
export {
  CIFAR10_CLASSES,
  type Cifar10Location,
  type Cifar10Options,
  findCifar10,
  loadCifar10,
} from './cifar10.js';
export { CIFAR100_CLASSES, findCifar100, loadCifar100 } from './cifar100.js';
export { matchClasses, numbersOutOfOrder, relabelled } from './classes.js';
export { type ContactSheetOptions, contactSheet } from './contactSheet.js';
export { checkSplit, type ImageDataset, type ImageSplit } from './dataset.js';
export {
  annotationKind,
  type DatasetDefinition,
  type ImageFiles,
  inFiles,
  type OpenDataset,
  type OpenOptions,
  type SplitId,
  type Statistics,
} from './definition.js';
export { type BoxCounts, wrongBoxes } from './detection/boxCounts.js';
export type { BoxLists } from './detection/boxLists.js';
export { objects } from './detection/objects.js';
export { type BoxOnPicture, drawBoxes, pictureWithBoxes } from './image/boxPicture.js';
export { classColour, withClasses } from './image/classColours.js';
export type { JpegDecoder } from './image/decode.js';
export type { Rectangle, RgbImage } from './image/image.js';
export { decodeLabelImage, encodeLabelImage, type LabelImage } from './image/labelImage.js';
export { encodePicture, readPicture } from './image/picture.js';
export { type ImageFolderOptions, imageFiles, imageFolder } from './imagenet/imageFolder.js';
export {
  findImageNet,
  type ImageNet,
  type ImageNetOptions,
  loadImageNet,
  loadImageNetSplit,
} from './imagenet/imagenet.js';
export { IMAGENET_WNIDS } from './imagenet/wnids.js';
export type { Epochs, ImageBatch, Images, TrainingOrder } from './images.js';
export { IGNORED, type Target } from './loader/annotations.js';
export { type LoadedBatch, Loader, type LoaderOptions } from './loader/loader.js';
export type { BrokenImage } from './loader/protocol.js';
export {
  type Annotations,
  fileName,
  type ImageSource,
  imageName,
  type LabelImages,
  memorySource,
} from './loader/source.js';
export { type MemoryDataset, MemoryImages, normalised } from './memoryImages.js';
export {
  DATASETS,
  findDataset,
  isInFiles,
  nameAndFolder,
  needsFolder,
  type OpenSplit,
  openDataset,
  openImages,
  openSplit,
  registerDataset,
} from './open.js';
export { type Picture, type PictureSheetOptions, pictureSheet } from './pictureSheet.js';
export { Random, type StreamKey, stream } from './random.js';
export { CAMVID_CLASSES, findCamVid } from './segmentation/camvid.js';
export { labelValues, segmentationSet } from './segmentation/labelSets.js';
export { type ScenesOptions, scenes } from './segmentation/scenes.js';
export { holdOut, selectImages, takeImages } from './select.js';
export { type Shard, shardCount } from './shard.js';
export { channelStatistics } from './statistics.js';
export { type SyntheticOptions, syntheticDataset } from './synthetic.js';
export { IMAGENET_MEAN, IMAGENET_STD, parseTransform, type Transform } from './transform/parse.js';
export { type ApplyStep, type OwnStep, registerTransform, STEPS } from './transform/steps.js';
export type { Mix, Mixing } from './transform/tensor.js';
export { type Verification, type VerifyOptions, verificationText, verifyDataset } from './verify.js';
