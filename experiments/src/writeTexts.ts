/** The program behind `npm run texts`: writes what others read of experiments, the tables of docs/experiments.md and the report's list of claims. */
import { readText, withMarked, writeAtomically } from '@refconv/files';
import { EXPERIMENTS } from './all.js';
import { DOCS, experimentTables, LIST, listText } from './texts.js';

await writeAtomically(DOCS, [withMarked(await readText(DOCS), 'experiments', experimentTables(EXPERIMENTS))]);
await writeAtomically(LIST, [listText(EXPERIMENTS)]);
