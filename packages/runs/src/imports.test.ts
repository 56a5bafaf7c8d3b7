/** Runs of what files of a user's own register. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { importFile } from '@refconv/files';
import { expect } from 'chai';
import { letRetry, prepareRun, readResult, runFolder, stateOf } from './folder.js';
import { type Grid, GridBuilder, planGrid } from './grid.js';
import { runQueue } from './queue.js';
import { hashOfSpec, parseSpec } from './spec.js';
import { NOTES, temporaryFolder, tinySpec } from './testing/tiny.js';

const TASK = fileURLToPath(new URL('./slurmTask.js', import.meta.url));

const scaled = (id: string) => `
import { defineMethod, registerMethod } from '@refconv/refconv';
import * as tf from '@tensorflow/tfjs';
registerMethod('${id}', defineMethod({
  name: '${id}',
  prefix: '${id}',
  complete: () => ({}),
  refusal: () => undefined,
  build({ kernel, weight }) {
    const scale = weight('scale', [1], tf.initializers.ones());
    return { merged: () => ({ kernel: tf.mul(kernel.read(), scale.read()) }) };
  },
}));
`;

describe('runs of a method of one’s own', () => {
  const at = temporaryFolder();
  let grid: Grid;
  let file: string;

  before(async () => {
    mkdirSync(at('elsewhere'));
    file = at('elsewhere/scaled.mjs');
    writeFileSync(file, scaled('Scaled'));
    await importFile(file, import.meta.url);
    const builder = new GridBuilder({ ...NOTES, name: 'own' });
    builder.add('mobilenetv1', 'baseline', tinySpec(1));
    builder.add('mobilenetv1', 'scaled', tinySpec(1, { method: { id: 'Scaled' } }));
    builder.add('mobilenetv1', 'scaled', tinySpec(2, { method: { id: 'Scaled' } }));
    grid = builder.build();
  });

  it('hold the file where they name what it registers, as a part of their hash; others do not', () => {
    const [baseline, own] = Object.values(grid.runs);
    expect(baseline).not.to.have.property('imports');
    expect(own?.imports?.map((each) => each.file)).to.deep.equal([file]);
    const spec = parseSpec(tinySpec(1, { method: { id: 'Scaled' } }));
    const [first] = spec.imports ?? expect.fail();
    const changed = { ...spec, imports: [{ ...first, sha256: '0'.repeat(64) }] };
    expect(hashOfSpec(parseSpec(changed))).not.to.equal(hashOfSpec(spec));
    expect(() => parseSpec(tinySpec(1, { method: { id: 'Scalled' } }))).to.throw(
      RangeError,
      'method.id is "Scalled"; did you mean Scaled?',
    );
    expect(() => parseSpec({ ...spec, imports: [{ file }] })).to.throw(RangeError, 'imports.0.sha256 is not set');
  });

  it('are done by the launcher’s processes and by tasks of Slurm, which load it by themselves', async () => {
    const root = at('root');
    await planGrid(root, grid);
    const [, own = '', task = ''] = Object.keys(grid.runs);
    const runs = { [own]: grid.runs[own] };
    const { done, failed } = await runQueue(root, { ...grid, runs } as Grid, { workers: 1, log: () => {} });
    expect({ done, failed }).to.deep.equal({ done: 1, failed: [] });
    expect((await readResult(root, own))?.top1).to.be.within(0, 1);
    const notes = JSON.parse(readFileSync(`${runFolder(root, own)}/model/model.json`, 'utf8')).userDefinedMetadata;
    expect(notes.refconv.imports).to.deep.equal(grid.runs[own]?.imports);

    writeFileSync(at('tasks.json'), JSON.stringify({ 0: task }));
    await prepareRun(root, task, grid.runs[task] ?? expect.fail());
    const env = { ...process.env, SLURM_ARRAY_JOB_ID: '1', SLURM_ARRAY_TASK_ID: '0' };
    const { status, stderr } = spawnSync(process.execPath, [TASK, root, at('tasks.json')], { encoding: 'utf8', env });
    expect([status, stderr]).to.deep.equal([0, '']);
    expect(await readResult(root, task)).to.not.equal(undefined);
  });

  it('are refused where the file has changed or is gone, when they are planned and when they start', async () => {
    const root = at('changed');
    await planGrid(root, grid);
    writeFileSync(file, `${scaled('Scaled')}// changed\n`);
    const message =
      /scaled\.mjs is not the file that was imported when the run was planned: its SHA-256 is .*Put that file back/;
    const refused = await planGrid(at('other'), grid).then(expect.fail, (error: Error) => error.message);
    expect(refused).to.match(message);
    const [, own = ''] = Object.keys(grid.runs);
    const only = { ...grid, runs: { [own]: grid.runs[own] } } as Grid;
    const { failed } = await runQueue(root, only, { workers: 1, log: () => {} });
    expect(failed).to.deep.equal([own]);
    const state = await stateOf(root, own, only.runs[own] ?? expect.fail());
    expect(state.state === 'failed' && state.reason).to.match(message);
    writeFileSync(file, scaled('Scaled'));
    await letRetry(root, own);
    expect((await runQueue(root, only, { workers: 1, log: () => {} })).done).to.equal(1);
  });
});
