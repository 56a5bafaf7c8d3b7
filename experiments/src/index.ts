export { type StartData, startData } from './start/data.js';
export { CURVES, type Curve, type EpochRow, RESULT_FILE, type StartResult } from './start/result.js';
export { type StartOptions, type StartSettings, start, startRecipe } from './start/start.js';
