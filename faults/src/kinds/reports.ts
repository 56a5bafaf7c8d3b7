/** Reports of runs whose files and names are hostile. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '@refconv/datasets';
import { compareRuns } from '@refconv/reports/compare';
import { writeSite } from '@refconv/reports/site';
import { GridBuilder, runFolder } from '@refconv/runs';
import { damageOrReplace, pick } from '../damage.js';
import { check, type Kind, valueOrClearError } from '../kind.js';
import { tinyGrid, tinySpec, writeFinished } from '../results.js';

const EVIL = '<script>globalThis.hacked=1</script>';
const NAMES = [
  ...['a\nb', 'a\u2028b', 'a\u2029b', '\0', '\u001b[31m', '\ud800', '\u202egnp', EVIL, `"><img src=x onerror=${EVIL}>`],
  ...["'];globalThis.hacked=1;['", '</script>', '{{7*7}}', `\${1}`, '../../x', 'x'.repeat(5000), '', ' '],
];

export const hostileReports: Kind = {
  name: 'reports of hostile names and files',
  share: 10,
  async prepare({ folder }) {
    const root = join(folder, 'root');
    const results = await writeFinished(root, tinyGrid([1, 2]));
    return {
      async inject(random, own) {
        if (random.integer(3) === 0) return site(random, own);
        const names = [pick(random, NAMES), pick(random, NAMES)];
        const run = join(own, 'run');
        mkdirSync(run);
        const [first] = results as [(typeof results)[number]];
        for (const file of ['spec.json', 'result.json', 'metrics.csv']) {
          writeFileSync(join(run, file), readFileSync(join(runFolder(root, first.hash), file)));
        }
        const classes = [pick(random, NAMES), pick(random, NAMES)];
        mkdirSync(join(run, 'model'));
        writeFileSync(
          join(run, 'model', 'model.json'),
          JSON.stringify({ userDefinedMetadata: { refconv: { classes } } }),
        );
        const rows = Array.from({ length: 20 }, (_, i) => `${i},${i % 2},${(i >> 1) % 2},0.7\n`);
        writeFileSync(join(run, 'predictions.csv'), `index,label,prediction,confidence\n${rows.join('')}`);
        const file = join(
          run,
          pick(random, ['spec.json', 'result.json', 'metrics.csv', 'predictions.csv', 'model/model.json']),
        );
        const what = random.integer(2) ? damageOrReplace(file, random) : 'names alone';
        const output = join(own, 'page');
        const other = runFolder(root, (results[1] as typeof first).hash);
        const made = await valueOrClearError(() => compareRuns([run, other], { output, names }), [own]);
        if ('value' in made) {
          const page = readFileSync(made.value.page, 'utf8');
          check(!page.includes(EVIL), 'A name stands in the page as markup.');
        }
        return what;
      },
    };
  },
};

/** A site of a grid whose texts are hostile, and of which a file may be damaged. */
async function site(random: Random, own: string): Promise<string> {
  const name = () => pick(random, NAMES);
  const grid = new GridBuilder({
    ...{ name: 'tiny', experiment: 'tiny', preset: name() },
    ...{ kind: 'table', changed: { [name()]: name() } },
    ...{ question: name(), source: name(), notKnown: name(), details: name(), notes: name(), baseline: 'baseline' },
    claims: [
      {
        ...{ id: name(), claim: name(), source: name(), expected: { above: 0 } },
        arms: { arm: name(), against: ['baseline'], measure: 'top1' },
      },
    ],
  });
  for (const seed of [1, 2]) {
    const network = pick(random, ['mobilenetv1', name()]);
    grid.add(network, 'baseline', tinySpec(seed));
    grid.add(network, name(), tinySpec(seed + 2));
  }
  const [root, output] = [join(own, 'root'), join(own, 'site')];
  const results = await writeFinished(root, grid.build());
  const files = ['spec.json', 'result.json', 'metrics.csv'].map((file) =>
    join(runFolder(root, pick(random, results).hash), file),
  );
  const damaged = pick(random, [...files, join(root, 'grids', 'tiny', 'grid.json')]);
  const what = random.integer(2) ? damageOrReplace(damaged, random) : 'names alone';
  const made = await valueOrClearError(() => writeSite(root, output), [own]);
  if ('value' in made) {
    for (const file of readdirSync(output, { recursive: true }) as string[]) {
      if (!file.endsWith('.html')) continue;
      check(!readFileSync(join(output, file), 'utf8').includes(EVIL), `A text stands in ${file} as markup.`);
    }
  }
  return `a site: ${what}`;
}
