/** Registers every fused kernel and gradient; imported for its effect. */
import { registerActivations } from './activations.js';
import { registerArgMax } from './argMax.js';
import { registerBatchNorm } from './batchNorm.js';
import { registerCheckFinite } from './checkFinite.js';
import { registerConvolutions } from './convolution.js';
import { registerCrossEntropy } from './crossEntropy.js';
import { registerEigen } from './eigen.js';
import { registerMapSlices } from './mapSlices.js';
import { registerMoments } from './moments.js';
import { registerResize } from './resize.js';
import { patchStockLayers } from './stockLayers.js';
import { registerThinProduct } from './thinProduct.js';
import { registerTranspose } from './transpose.js';

registerActivations();
registerArgMax();
registerBatchNorm();
registerCheckFinite();
registerConvolutions();
registerCrossEntropy();
registerEigen();
registerMapSlices();
registerMoments();
registerResize();
registerThinProduct();
registerTranspose();
patchStockLayers();
