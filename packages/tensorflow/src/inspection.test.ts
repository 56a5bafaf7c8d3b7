import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scalar, Tensor1D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { compile } from './compile.js';
import { type Inspection, inspectionText, inspectorOf } from './inspection.js';
import { tf } from './load.js';

describe('what compile() recorded', () => {
  it('is told once for each function and shape: operations, variables, constants', () => {
    const tensors = tf.memory().numTensors;
    const variable = tf.tidy(() => tf.variable(tf.tensor1d([1, 2, 3]), true, 'weights'));
    const table = tf.tensor1d(Float32Array.from({ length: 3 }, (_, i) => i));
    const seen: Inspection[] = [];
    const program = compile(
      {
        step: (x: Tensor1D) => {
          const y = tf.add(tf.mul(x, variable), table) as Tensor1D;
          variable.assign(y);
          return tf.sum(y) as Scalar;
        },
        read: (x: Tensor1D) => tf.mul(x, variable),
      },
      { inspect: (inspection) => seen.push(inspection) },
    );
    const x = tf.tensor1d([1, 1, 1]);
    for (const result of [program.step(x), program.step(x), program.read(x)]) result.dispose();
    expect(seen.map((inspection) => inspection.function)).to.deep.equal(['step', 'read']);
    const [step, read] = seen as [Inspection, Inspection];
    const counts = Object.fromEntries(step.operations.map(({ operation, count }) => [operation, count]));
    expect(counts).to.include({ Mul: 1, Sum: 1, Placeholder: 2 }).and.to.have.any.keys('AddV2', 'Add');
    expect(read.operations.map(({ operation }) => operation))
      .to.include('Mul')
      .and.not.include('Sum');
    const row = { name: 'weights', shape: [3], bytes: 12 };
    expect([step.variables, read.variables]).to.deep.equal([[{ ...row, changed: true }], [{ ...row, changed: false }]]);
    expect(step.constants).to.deep.include({ shape: [3], bytes: 12 });
    expect(inspectionText(step))
      .to.match(/^compile: step\(float32 \[3\]\), recorded in \d+ ms\n/)
      .and.contain('1 variables, 0.0 kB; 1 of them are changed');
    expect(Buffer.from(step.definition()).includes('Mul_')).to.equal(true);
    program.dispose();
    for (const tensor of [variable, table, x]) tensor.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('goes to a folder, as graphs that other tools open, where the environment names one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'refconv-inspection-'));
    const written: string[] = [];
    const { write } = process.stderr;
    process.stderr.write = ((text: string) => written.push(text) > 0) as typeof write;
    try {
      const program = compile({ f: (x: Tensor1D) => tf.neg(x) }, { inspect: inspectorOf(join(folder, 'graphs')) });
      tf.tidy(() => program.f(tf.tensor1d([1])));
      program.dispose();
    } finally {
      process.stderr.write = write;
    }
    const [file] = readdirSync(join(folder, 'graphs'));
    expect(file).to.match(/^\d{3}-f\.pb$/);
    expect(readFileSync(join(folder, 'graphs', file as string)).includes('Neg_')).to.equal(true);
    expect(written.join('')).to.contain('compile: f(float32 [1])').and.contain(file);
    for (const setting of [undefined, '', '0']) expect(inspectorOf(setting)).to.equal(undefined);
    rmSync(folder, { recursive: true });
  });
});
