/** Appends rows in a process of its own: `node append.js ROOT FIRST COUNT`. */
import { appendToLedger } from '../ledger.js';
import { resultOf } from './result.js';

const [root, first, count] = process.argv.slice(2) as [string, string, string];
for (let i = 0; i < Number(count); i++) await appendToLedger(root, resultOf(Number(first) + i));
