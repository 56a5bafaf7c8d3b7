/** Messages of all packages, in the command's words. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Command } from 'commander';
import { program } from './program.js';
import { inWordsOf } from './words.js';

const PACKAGES = fileURLToPath(new URL('../..', import.meta.url));

/** Words of the command too: steps of a transform, layouts of layers, a site, keys of a model.json, a field of --set data, a unit. */
const KNOWN = new Set([
  'randomResizedCrop',
  'randomResize',
  'randomExpand',
  'randomIouCrop',
  'centerCrop',
  'randomCrop',
  'randomExpand',
  'randomIouCrop',
  'channelsFirst',
  'channelsLast',
  'arXiv',
  'modelTopology',
  'weightsManifest',
  'imageSize',
  'kB',
  // What a file of a user's own calls.
  'registerMethod',
  'registerBackbone',
  'registerDataset',
  'registerTransform',
  'registerOptimiser',
]);
/** Methods' options stand behind --option. */
const BEHIND_OPTION = /--option (largestKernel|rowsPerGroup)/g;

/** What no command can bring about, as it never calls the function so: a word of the message, and where it stands. */
const NEVER: Record<string, string[]> = {
  analysis: ['randomDirection', 'batchSize'],
  datasets: [
    'contactSheet',
    'channelStatistics',
    'selectImages',
    'takeImages',
    'syntheticDataset',
    'onBroken',
    'batchSize',
  ],
  refconv: ['rowsPerGroup'], // the value's own name: --option rowsPerGroup=0
  tensorflow: [
    'joinCluster',
    'logitMargin',
    'dataSync',
    'arraySync',
    'randomUniform',
    'withRandomSeed',
    'softmaxCrossEntropy',
  ],
  training: ['checkpointEvery', 'learningRateAt', 'channelStatistics'],
  weights: ['registerLayout', 'parseWeights'],
};

/** The texts in a compiled module, without what is filled in. */
function textsOf(source: string): string[] {
  const code = source
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/^(import|export) .* from .*$/gm, '');
  const texts = [...code.matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)];
  return texts.map(([, single, double, template]) => {
    let text = single ?? double ?? template ?? '';
    for (let before = ''; before !== text; ) [before, text] = [text, text.replace(/\$\{[^{}]*\}/g, '…')];
    return text.replaceAll("\\'", "'").replaceAll('\\`', '`').replaceAll('\\n', '\n');
  });
}

/** Sentences of all packages that have a name as functions have; of the page for browsers, its parts and not the bundle. */
function messages(): { file: string; room: string; text: string }[] {
  return readdirSync(PACKAGES).flatMap((room) => {
    const dist = join(PACKAGES, room, 'dist');
    return readdirSync(dist, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.js') && !/test|runs\/|page\/page\.js|words\.js/.test(file))
      .flatMap((file) =>
        textsOf(readFileSync(join(dist, file), 'utf8'))
          .filter((text) => / /.test(text) && namesIn(text).length > 0 && !/=>|\$\{/.test(text))
          .map((text) => ({ file: join(room, file), room, text })),
      );
  });
}

const namesIn = (text: string) => text.match(/\b[a-z]+[A-Z]\w*/g) ?? [];

const commandOf = (...names: string[]) =>
  names.reduce<Command>((at, name) => at.commands.find((each) => each.name() === name) as Command, program());

describe('messages', () => {
  it('name no option of a function, wherever they come from', () => {
    const found = messages();
    expect(found.length).to.be.above(20);
    const train = commandOf('train');
    const wrong = found.flatMap(({ file, room, text }) => {
      const said = inWordsOf(train, text).replace(BEHIND_OPTION, '');
      const left = namesIn(said).filter((name) => !KNOWN.has(name) && !NEVER[room]?.includes(name));
      return left.length > 0 ? [`${file}: ${left}: ${said}`] : [];
    });
    expect(wrong).to.deep.equal([]);
  });

  it('have the options of the command that was given, and leave other words and paths alone', () => {
    const [train, merge] = [commandOf('train'), commandOf('merge')];
    const message =
      'batchSize 9 is more than the 8 training images in /my/batchSize/weightDecay.csv; lower it, or set dropLast to false.';
    expect(inWordsOf(train, message)).to.equal(
      '--batch-size 9 is more than the 8 training images in /my/batchSize/weightDecay.csv; lower it, or give --keep-last-batch.',
    );
    expect(inWordsOf(merge, 'batchSize 9')).to.equal('batchSize 9');
    expect(inWordsOf(train, "Leave it out by `select`, or: `withoutBatchNorm: 'bias'`; select well")).to.equal(
      'Leave it out by `--select`, or: `--without-batch-norm bias`; select well',
    );
    expect(inWordsOf(train, "Mend it, or let broken images be skipped (onBroken: 'skip').")).to.contain(
      '(--skip-broken)',
    );
    expect(inWordsOf(undefined, 'batchSize')).to.equal('batchSize');
    // What a message names must be there.
    for (const option of ['--keep-last-batch', '--skip-broken', '--download', '--max-pixels'])
      expect(train.options.map(({ long }) => long)).to.include(option);
  });
});
