#!/usr/bin/env node
/** `node dist/setup/main.js [--json]`: gets TensorFlow ready. */
import { setupCommand } from './command.js';

await setupCommand(process.argv.includes('--json'));
