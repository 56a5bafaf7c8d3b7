/** All kinds. */
import type { Kind } from '../kind.js';
import { checkpoints } from './checkpoints.js';
import { forbidden, fullDisks } from './disks.js';
import { images } from './images.js';
import { killedWriters } from './kills.js';
import { launchers } from './launchers.js';
import { livingLocks, locks } from './locks.js';
import { lostFileSystems } from './lost.js';
import { damagedModels, forgedModels } from './models.js';
import { hostileReports } from './reports.js';
import { runFolders } from './runFolders.js';
import { trainings } from './trainings.js';
import { damagedWeights, trapWeights } from './weights.js';

/** Their shares are of a thousand. */
export const KINDS: readonly Kind[] = [
  ...[damagedModels, forgedModels, damagedWeights, trapWeights, checkpoints, runFolders, images],
  ...[locks, livingLocks, killedWriters, fullDisks, forbidden, hostileReports, trainings, launchers, lostFileSystems],
];
