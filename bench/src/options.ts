/** The command line. */
import { parseArgs } from 'node:util';
import { CASES, CONTESTANTS, type ContestantName } from './cases.js';

export interface Options {
  cases: string[];
  contestants: ContestantName[];
  /** Rounds run, of which the first is thrown away. */
  rounds: number;
  quick: boolean;
  /** Of each contestant; all of the machine's where it is not given. */
  threads: number | undefined;
}

export const USAGE = `Usage: npm run bench -- [options]
  --case A,B,C         which cases (default: all)
  --contestants a,b,c  which of ${CONTESTANTS.join(', ')} (default: all)
  --rounds N           rounds, of which the first is thrown away (default: 7)
  --threads N          processor cores that each contestant uses (default: all)
  --quick              tiny networks and 2 rounds, to try the benchmark itself
   or: npm run bench -- methods [options], which compares RefConv and its rivals; methods --help lists them
   or: npm run bench -- segmentation [options], LR-ASPP beside torchvision's; segmentation --help lists them
   or: npm run bench -- detection [options], SSDLite beside torchvision's; detection --help lists them
   or: npm run bench -- attacks [options], PGD beside PyTorch's
   or: npm run bench -- optimisers [options], a step by each optimiser against SGD's
   or: npm run bench -- workers, one training by two processes against one
   or: npm run bench -- networks, how long each network takes to be built, and to be compiled`;

/** @throws Error where an option is unknown or a value is not one of those allowed. */
export function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      case: { type: 'string' },
      contestants: { type: 'string' },
      rounds: { type: 'string' },
      threads: { type: 'string' },
      quick: { type: 'boolean', default: false },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 7));
  if (!Number.isInteger(rounds) || rounds < 2) {
    throw new Error(
      `--rounds must be a whole number of at least 2, since the first round does not count; given ${values.rounds}.`,
    );
  }
  const threads = values.threads === undefined ? undefined : Number(values.threads);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw new Error(`--threads must be a whole number of at least 1; given ${values.threads}.`);
  }
  return {
    threads,
    cases: chosen('--case', values.case, Object.keys(CASES)),
    contestants: chosen('--contestants', values.contestants, CONTESTANTS),
    rounds,
    quick: values.quick,
  };
}

function chosen<T extends string>(flag: string, value: string | undefined, all: readonly T[]): T[] {
  if (value === undefined) return [...all];
  const names = value.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !all.includes(name as T));
  if (unknown.length > 0) throw new Error(`${flag} does not know ${unknown.join(', ')}; it knows ${all.join(', ')}.`);
  return all.filter((name) => names.includes(name));
}
