/** What is written about runs: results, failures, metrics, grids, the ledger. */
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  appendToLedger,
  gridStatus,
  readGrid,
  readLedger,
  readResult,
  rebuildLedger,
  runFolder,
  tableOf,
} from '@refconv/runs';
import { damageOrReplace, pick } from '../damage.js';
import { check, type Kind, requireClear, valueOrClearError } from '../kind.js';
import { tinyGrid, writeFinished } from '../results.js';

const SEEDS = [1, 2, 3];

export const runFolders: Kind = {
  name: 'damaged run folders',
  share: 150,
  async prepare({ folder }) {
    const source = join(folder, 'root');
    mkdirSync(source, { recursive: true });
    const grid = tinyGrid(SEEDS);
    const results = await writeFinished(source, grid);
    for (const result of results) await appendToLedger(source, result);
    const files = ['result.json', 'failure.json', 'metrics.csv', 'spec.json', 'log.txt'];
    return {
      async inject(random, root) {
        cpSync(source, root, { recursive: true });
        const { hash } = pick(random, results);
        const other = results.find((result) => result.hash !== hash)?.hash as string;
        const file = pick(random, [...files, 'result.json', 'grid.json', 'ledger.csv', 'ledger.csv']);
        const path =
          file === 'grid.json'
            ? join(root, 'grids', grid.name, file)
            : file === 'ledger.csv'
              ? join(root, file)
              : join(runFolder(root, hash), file);
        if (!existsSync(path)) writeFileSync(path, '{"reason":"It ended.","at":""}');
        let what: string;
        if (file === 'result.json' && random.integer(4) === 0) {
          cpSync(join(runFolder(root, other), file), path);
          what = "another run's";
        } else what = damageOrReplace(path, random);

        await valueOrClearError(() => readGrid(root, grid.name), [path, root]);
        const status = await valueOrClearError(() => gridStatus(root, grid), [path]);
        const states = 'value' in status ? status.value : [];
        for (const { state, hash: each } of states) {
          if (each !== hash) check(state.state === 'done', 'Another run is no longer done.');
          if (state.state === 'failed') requireClear(new Error(state.reason));
        }
        const result = await readResult(root, hash).catch(() => undefined);
        check(!result || result.hash === hash, "Another run's result counts.");
        await valueOrClearError(() => readLedger(root), [path]);
        await valueOrClearError(() => tableOf(root, grid), [path]);
        const told: string[] = [];
        const added = await valueOrClearError(
          () => appendToLedger(root, results[0] as (typeof results)[number], (line) => told.push(line)),
          [path, 'ledger.csv'],
        );
        if ('value' in added) {
          const rows = await rebuildLedger(root, (line) => told.push(line));
          const whole = results.filter(({ hash: each }) => isUntouched(source, root, each));
          check(rows >= whole.length, `The ledger has ${rows} rows of ${whole.length} whole results.`);
          if (rows < SEEDS.length && existsSync(path)) requireClear(new Error(told.join(' ')), [path]);
        }
        return `${file}: ${what}`;
      },
    };
  },
};

/** By the plainest of means: the file is that which was written. */
function isUntouched(source: string, root: string, hash: string): boolean {
  const path = join(runFolder(root, hash), 'result.json');
  if (!lstatSync(path, { throwIfNoEntry: false })?.isFile()) return false;
  return readFileSync(path).equals(readFileSync(join(runFolder(source, hash), 'result.json')));
}
