/** Registers every fused kernel and gradient; imported for its effect. */
import { registerActivations } from './activations.js';
import { registerBatchNorm } from './batchNorm.js';
import { registerConvolutions } from './convolution.js';
import { registerCrossEntropy } from './crossEntropy.js';
import { registerEigen } from './eigen.js';
import { registerMapSlices } from './mapSlices.js';
import { patchStockLayers } from './stockLayers.js';

registerActivations();
registerBatchNorm();
registerConvolutions();
registerCrossEntropy();
registerEigen();
registerMapSlices();
patchStockLayers();
