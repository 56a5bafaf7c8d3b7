/** `node runPlan.js PLAN.json`: the set-up's command for a given plan. */
import { readFileSync } from 'node:fs';
import { setupCommand } from '../command.js';
import type { Plan } from '../plan.js';

const [path = ''] = process.argv.slice(2);
await setupCommand(true, JSON.parse(readFileSync(path, 'utf8')) as Plan);
