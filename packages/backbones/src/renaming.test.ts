/** Names of other implementations: all keys and shapes as these implementations have them (../shared/spec/measure.json). */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TorchState } from '@refconv/weights';
import { expect } from 'chai';
import { BACKBONES, ownNames } from './index.js';
import { shared } from './testing/oracle.js';

const MEASURED = join(shared, 'spec', 'measure.json');

type Keys = [key: string, shape: number[]][];

const sizeOf = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);

/** Values are needed of small tensors alone: where one is given another shape. */
const stateOf = (keys: Keys): TorchState =>
  new Map(
    keys.map(([key, shape]) => [key, { shape, data: new Float32Array(sizeOf(shape) > 4096 ? 0 : sizeOf(shape)) }]),
  );

const shapes = (state: TorchState) =>
  Object.fromEntries(
    [...state].filter(([key]) => !key.endsWith('num_batches_tracked')).map(([key, { shape }]) => [key, shape]),
  );

describe('weights under the names of other implementations', () => {
  let measured: Record<string, { keys: Keys }>;
  before(function () {
    if (!existsSync(MEASURED)) {
      console.log(`      ${MEASURED} is missing; set REFCONV_SHARED.`);
      this.skip();
    }
    measured = JSON.parse(readFileSync(MEASURED, 'utf8'));
  });
  const listOf = (name: string) => stateOf((measured[name] as { keys: Keys }).keys);

  for (const [other, own] of [
    ['fasternet_s', 'fasternet_s_timm'],
    ['convnext_t_fb', 'convnext_t_tv'],
    ['efficientnet_b0_timm', 'efficientnet_b0_tv'],
    ['mobilenetv2_dli', 'mobilenetv2_tv'],
  ] as const) {
    it(`${other} becomes ${own}, with W_r too`, () => {
      expect(shapes(ownNames(listOf(other)))).to.deep.equal(shapes(listOf(own)));
      const map = { shape: [1], data: new Float32Array(1) };
      const [kernel] = [...listOf(other)].find(([, { shape }]) => (shape[3] ?? 0) > 2) as [string, unknown];
      const refocused = new Map([...listOf(other), [kernel.replace(/weight$/, 'convmap.weight'), map]]);
      const [last] = [...ownNames(refocused).keys()].slice(-1);
      expect(last).to.match(/\.convmap\.weight$/);
      expect(listOf(own)).to.have.property('size');
      expect([...listOf(own).keys()]).to.include((last as string).replace('convmap.weight', 'weight'));
    });
  }

  it('stay as they are where they are those of here, or of none', () => {
    for (const name of ['mobilenetv1_timm', 'resnet18_tv', 'mobilenetv2_tv', 'convnext_t_tv', 'mobilenetv1_dbb']) {
      const state = listOf(name);
      expect(ownNames(state)).to.equal(state);
    }
    const state = listOf('convnext_t_fb');
    state.delete('norm.weight');
    state.set('unknown.weight', { shape: [768], data: new Float32Array(768) });
    expect(ownNames(state)).to.equal(state);
  });

  it('are those of timm for MobileNetV2 and ConvNeXt', () => {
    const own = (id: string, key: string) =>
      BACKBONES.find(id)
        ?.renamings?.map((name) => name(key))
        .find(Boolean);
    for (const [id, theirs, ours] of [
      ['mobilenetv2', 'conv_stem.weight', 'features.0.0.weight'],
      ['mobilenetv2', 'blocks.0.0.conv_pw.weight', 'features.1.conv.1.weight'],
      ['mobilenetv2', 'blocks.1.0.conv_dw.weight', 'features.2.conv.1.0.weight'],
      ['mobilenetv2', 'blocks.5.2.bn3.running_var', 'features.16.conv.3.running_var'],
      ['mobilenetv2', 'bn2.bias', 'features.18.1.bias'],
      ['convnext_tiny', 'stem.1.bias', 'features.0.1.bias'],
      ['convnext_tiny', 'stages.2.downsample.1.weight', 'features.4.1.weight'],
      ['convnext_tiny', 'stages.2.blocks.8.mlp.fc2.bias', 'features.5.8.block.5.bias'],
      ['convnext_tiny', 'stages.3.blocks.0.gamma', 'features.7.0.layer_scale'],
      ['convnext_tiny', 'head.norm.weight', 'classifier.0.weight'],
    ] as const)
      expect(own(id, theirs), theirs).to.equal(ours);
  });
});
