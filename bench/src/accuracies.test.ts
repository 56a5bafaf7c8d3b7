import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { comparisonTable, ourAccuracies, pytorchAccuracies } from './accuracies.js';

describe('accuracies beside PyTorch', () => {
  const measured = fileURLToPath(new URL('../../reports/measured', import.meta.url));
  const theirs = `${measured}/pytorch/accuracy.csv`;

  it('compare means, and the gains seed by seed', () => {
    const ours = new Map([
      [
        'baseline',
        new Map([
          [1, 80],
          [2, 82],
        ]),
      ],
    ]);
    const others = new Map([
      [
        'baseline',
        new Map([
          [1, 81],
          [2, 83],
        ]),
      ],
      ['refconv', new Map([[1, 90]])],
    ]);
    const table = comparisonTable(ours, others);
    // √2 of deviation, 2 degrees of freedom: t(0.975) is 4.3027.
    expect(table).to.contain('| baseline |').and.contain('81.00 ± 1.41 (n = 2)').and.contain('−1.00 (−7.08 to +5.08)');
    expect(table).not.to.contain('refconv');
  });

  it('are in the page of the measurement as the ledger and the file of PyTorch’s have them', async function () {
    if (!existsSync(theirs)) this.skip();
    const page = await readFile(`${measured}/README.md`, 'utf8');
    const table = comparisonTable(await ourAccuracies(measured, 'comparison-cores'), await pytorchAccuracies(theirs));
    const cells = (text: string) => text.split('\n').map((line) => line.replaceAll(/ +/g, ' ').replaceAll(/-+/g, '-'));
    for (const line of cells(table)) expect(cells(page)).to.include(line);
  });
});
