import { expect } from 'chai';
import { KINDS } from './kinds/index.js';
import { injectFaults } from './run.js';

/** Those of other processes take minutes. */
const QUICK = KINDS.filter(({ patience, share }) => patience === undefined && share > 10);

describe('faults', () => {
  it('are survived, a share of each kind that is quick', async function () {
    this.timeout(300_000);
    const lines: string[] = [];
    const seed = Math.floor(Math.random() * 2 ** 31);
    const counts = await injectFaults({ seed, count: 120, kinds: QUICK, log: (line) => lines.push(line) });
    expect(
      lines.filter((line) => line.startsWith('FELL SHORT')),
      `seed ${seed}`,
    ).to.deep.equal([]);
    expect(counts.reduce((sum, { injected }) => sum + injected, 0)).to.be.at.least(100);
  });

  it('are seen where they are not survived: nothing, a hang, an error that says nothing', async () => {
    const kind = (name: string, inject: () => Promise<string>, patience = 60) => ({
      ...{ name, share: 1, patience },
      prepare: async () => ({ inject }),
    });
    const kinds = [
      kind('survived', async () => 'done'),
      kind('an error', () => Promise.reject(new Error('It lies.'))),
      kind('a hang', () => new Promise(() => {}), 0.05),
    ];
    const lines: string[] = [];
    const counts = await injectFaults({ seed: 1, count: 3, kinds, log: (line) => lines.push(line) });
    expect(counts.map(({ survived }) => survived)).to.deep.equal([1, 0, 0]);
    expect(lines.join('\n'))
      .to.match(/FELL SHORT: an error.*It lies/)
      .and.match(/a hang.*It hangs/);
  });
});
