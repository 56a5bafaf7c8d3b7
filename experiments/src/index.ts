export { type KeptBaseline, keptBaseline } from './start/baseline.js';
export { type StartData, startData, withImages } from './start/data.js';
export { CURVES, type Curve, type EpochRow, RESULT_FILE, type StartResult } from './start/result.js';
export { type StartOptions, type StartSettings, start, startRecipe } from './start/start.js';
