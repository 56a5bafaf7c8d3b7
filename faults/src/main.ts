/** `npm run test:faults`: a thousand faults of all kinds, and how many were survived. */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { KINDS } from './kinds/index.js';
import { injectFaults } from './run.js';

const HELP = `Usage: npm run test:faults -- [options]
  --count N     faults in all (default 1000)
  --kind TEXT   only the kinds whose names contain it
  --seed N      which faults (default: drawn, and printed)
  --first N     the number of the first fault of each kind (default 0), to repeat one: --kind … --first N --count 1
Each is real: files are damaged, processes killed, disks full. One is survived where nothing hangs, crashes, lies or is lost.`;

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    kind: { type: 'string', default: '' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    first: { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(HELP);
else {
  const [count, seed, first] = [values.count, values.seed, values.first].map(Number) as [number, number, number];
  const kinds = KINDS.filter(({ name }) => name.includes(values.kind));
  if (![count, seed, first].every((value) => Number.isSafeInteger(value) && value >= 0) || kinds.length === 0) {
    console.error(`${HELP}\nKinds: ${KINDS.map(({ name }) => name).join('; ')}`);
    process.exit(2);
  }
  console.log(`Seed ${seed}`);
  const counts = await injectFaults({ seed, count, kinds, first, log: (line) => console.log(line) });
  const total = (name: 'injected' | 'survived') => counts.reduce((sum, each) => sum + each[name], 0);
  console.table(counts.map(({ seconds, ...each }) => ({ ...each, seconds: Number(seconds.toFixed(1)) })));
  console.log(`${total('survived')} of ${total('injected')} faults survived, seed ${seed}`);
  process.exit(total('survived') === total('injected') ? 0 : 1);
}
