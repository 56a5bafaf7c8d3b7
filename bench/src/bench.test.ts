import { median, pairedRatios } from '@refconv/analysis/statistics';
import { expect } from 'chai';
import { parseMethodOptions } from './methods.js';
import { parseOptimiserOptions } from './optimisers.js';
import { parseOptions } from './options.js';
import type { CaseResult, Measurement } from './runCase.js';
import { grouped, rows, verdicts } from './summary.js';

describe('the command line', () => {
  it('takes cases and contestants in the order of the tables', () => {
    const { cases, contestants, rounds, quick } = parseOptions(['--case', 'C,A', '--contestants=stock,compiled']);
    expect({ cases, contestants, rounds, quick }).to.deep.equal({
      cases: ['A', 'C'],
      contestants: ['compiled', 'stock'],
      rounds: 7,
      quick: false,
    });
    expect(parseOptions(['--quick']).rounds).to.equal(2);
  });

  it('refuses what it does not know', () => {
    expect(() => parseOptions(['--case', 'Z'])).to.throw('--case does not know Z; it knows A, B, C, D, E, F, G.');
    expect(() => parseOptions(['--threads', '0'])).to.throw('at least 1');
    expect(() => parseOptions(['--rounds', '1'])).to.throw('at least 2');
    expect(() => parseOptions(['--fast'])).to.throw('--fast');
  });
});

describe('the command line of the methods', () => {
  it('takes methods in their order, and always the plain network', () => {
    const { methods, networks, batch } = parseMethodOptions(['--methods', 'dbb,refconv', '--batch', '8']);
    expect({ methods, networks, batch }).to.deep.equal({
      methods: ['plain', 'refconv', 'dbb'],
      networks: ['resnet18', 'mobilenetv2'],
      batch: 8,
    });
  });

  it('refuses what it does not know', () => {
    expect(() => parseMethodOptions(['--methods', 'abc'])).to.throw(
      '--methods does not know abc; it knows refconv, acb',
    );
    expect(() => parseMethodOptions(['--batch', '0'])).to.throw(
      '--batch must be a whole number of at least 1; given 0.',
    );
  });
});

describe('the command line of the optimisers', () => {
  it('takes contestants in their order, and always SGD; refuses what it does not know', () => {
    const { contestants, batch } = parseOptimiserOptions(['--contestants', 'lamb; adamw', '--batch', '8']);
    expect({ contestants, batch }).to.deep.equal({ contestants: ['sgd', 'adamw', 'lamb'], batch: 8 });
    expect(() => parseOptimiserOptions(['--contestants', 'lion'])).to.throw('does not know lion; it knows sgd; adam;');
    expect(() => parseOptimiserOptions(['--rounds', '1'])).to.throw('--rounds cannot be 1');
  });
});

describe('figures', () => {
  it('medians and paired ratios', () => {
    expect(median([3, 1, 2])).to.equal(2);
    expect(median([4, 1, 2, 3])).to.equal(2.5);
    expect(pairedRatios([1, 2, 9], [2, 2])).to.deep.equal({ median: 0.75, min: 0.5, max: 1 });
    expect(pairedRatios([1], [])).to.equal(undefined);
  });

  it('rows and verdicts', () => {
    const measurement = (milliseconds: number[], peakMemoryMB: number) => ({
      ready: { multiplyAdds: 1e6, libraryMemoryMB: 1, firstStepMilliseconds: 1 },
      stepsPerRound: 2,
      rounds: milliseconds.map((time) => ({ milliseconds: [time, time], cpuMilliseconds: 4 * time, peakMemoryMB })),
    });
    const result = {
      setting: { batch: 10 },
      measurements: { compiled: measurement([20, 30], 50), pytorch: measurement([40, 120], 100) },
    } as Partial<Record<keyof CaseResult, unknown>> as CaseResult;
    const table = rows(result);
    expect(table.map(({ contestant }) => contestant)).to.deep.equal(['compiled', 'pytorch']);
    expect(table[0]).to.deep.include({ cpuMilliseconds: 50, gflops: 2.4, imagesPerSecond: 400 });
    const found = verdicts(table, [
      { measure: 'time', other: 'pytorch', atMost: 1 },
      { measure: 'memory', other: 'pytorch', atMost: 1 },
      { measure: 'time', other: 'stock', atMost: 1 },
    ]);
    expect(found.map((verdict) => verdict.found)).to.deep.equal([0.375, 0.5, undefined]);
    result.measurements.pytorch = { ...(result.measurements.pytorch as Measurement), rounds: [] };
    expect(rows(result)).to.have.length(1);
  });

  it('groups of operations', () => {
    const kinds = [
      '_MklNativeDepthwiseConv2dNativeBackpropFilter',
      '_FusedConv2D',
      '_MklBatchMatMulV2',
      '_FusedBatchNormEx',
      'Relu6Grad',
      'ResourceApplyMomentum',
      'Mul',
      'PadV2',
    ];
    const profile = kinds.map((operation, i) => ({ operation, count: 1, milliseconds: 2 ** i }));
    expect(grouped(profile).map(({ milliseconds }) => milliseconds)).to.deep.equal([1, 2 + 4, 8, 16, 32 + 64, 128]);
  });
});
