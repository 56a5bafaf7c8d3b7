/** Launchers that lose their terminal, are killed, or race; runs whose spec is damaged meanwhile. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { planGrid, readLedger, readResult, runFolder } from '@refconv/runs';
import { damageFile, pick } from '../damage.js';
import { check, type Kind } from '../kind.js';
import { tinyGrid } from '../results.js';

const LAUNCH = fileURLToPath(new URL('../child/launch.js', import.meta.url));

function launcher(root: string) {
  const child = spawn(process.execPath, [LAUNCH, root, 'tiny'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<{ code: number | null; output: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, output })),
  );
  return { child, ended };
}

/** What does not depend on how a run came about. */
async function essence(root: string, hashes: readonly string[]): Promise<string> {
  const results = await Promise.all(hashes.map((hash) => readResult(root, hash)));
  return JSON.stringify(results.map((result) => [result?.hash, result?.weights, result?.top1, result?.mergedTop1]));
}

export const launchers: Kind = {
  name: 'launchers and runs killed, in races, with damaged specs',
  share: 5,
  patience: 600,
  async prepare({ folder }) {
    const grid = tinyGrid([1, 2]);
    const hashes = Object.keys(grid.runs);
    const quiet = join(folder, 'quiet');
    await mkdir(quiet, { recursive: true });
    await planGrid(quiet, grid);
    const { code, output } = await launcher(quiet).ended;
    check(code === 0, `It does not run: ${output}`);
    const expected = await essence(quiet, hashes);
    return {
      async inject(random, root) {
        await planGrid(root, grid);
        const what = pick(random, ['SIGHUP', 'SIGKILL', 'SIGTERM', 'a race', 'a damaged spec'] as const);
        const first = launcher(root);
        let others = [first];
        const delay = random.integer(6000);
        const spec = join(runFolder(root, hashes[0] as string), 'spec.json');
        if (what === 'a race') others = [first, launcher(root), launcher(root)];
        else if (what === 'a damaged spec') {
          while (!existsSync(spec)) await sleep(5);
          damageFile(spec, random);
        } else {
          await sleep(delay);
          first.child.kill(what);
        }
        const ends = await Promise.all(others.map(({ ended }) => ended));
        for (const { output } of ends) check(!/\n {4}at /.test(output), `A launcher ended with a stack: ${output}`);
        const last = await launcher(root).ended;
        if (what !== 'a damaged spec') check(last.code === 0, `It cannot be gone on with: ${last.output}`);
        else if (last.code !== 0) {
          check(/spec\.json/.test(last.output), `It does not name the spec: ${last.output}`);
          return what;
        }
        check((await essence(root, hashes)) === expected, 'It ends with other results than an undisturbed one.');
        const rows = (await readLedger(root)).map(({ hash }) => hash).sort();
        check(rows.join() === [...hashes].sort().join(), 'The ledger has not each run once.');
        return what;
      },
    };
  },
};
