export { alone } from './alone.js';
export { BUSY, watchOthers } from './otherLoad.js';
export type { Profile, Ready, Steps } from './protocol.js';
export { type Measured, measureInTurns, type Round, type TurnOptions } from './turns.js';
export { WorkerFailed, WorkerProcess } from './workerProcess.js';
