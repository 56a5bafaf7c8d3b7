#!/usr/bin/env node
/** `node dist/doctor/main.js [--json]`: exit status 1 if something stops work, else 0. */
import { doctor } from './doctor.js';
import { reportText } from './text.js';

const report = await doctor();
process.stdout.write(process.argv.includes('--json') ? JSON.stringify(report, undefined, 2) : reportText(report));
process.stdout.write('\n');
if (report.problems.some(({ severity }) => severity === 'error')) process.exitCode = 1;
