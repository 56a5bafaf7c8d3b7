/** What training costs with RefConv and without: counted, and measured in a process of its own for each case. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { cost, stepCost, trainingCost } from '@refconv/analysis';
import { BACKBONES, buildBackbone } from '@refconv/backbones';
import { refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import { classifier } from '@refconv/training';
import type { LayersModel, SymbolicTensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { type Cell, main, writeCsv } from './output.js';

const HELP = `node experiments/dist/analyses/cost.js --output DIR [options]
  --networks A,B   mobilenetv1; 'all' for all   --batches 32,128   --size N   the network's own   --width N
  --steps 5        measured steps after one to warm up; 0 counts alone
Writes cost.csv: a row for each network, with RefConv and without, and batch size.`;

interface Case {
  network: string;
  refconv: boolean;
  batch: number;
  options: { inputSize?: number; width?: number };
  steps: number;
}

interface Measured {
  milliseconds: number | '';
  peakMemory: number | '';
}

main(async () => {
  const { values } = parseArgs({
    options: {
      output: { type: 'string' },
      networks: { type: 'string', default: 'mobilenetv1' },
      batches: { type: 'string', default: '32,128' },
      size: { type: 'string' },
      width: { type: 'string' },
      steps: { type: 'string', default: '5' },
      case: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.case) {
    console.log(JSON.stringify(await measure(JSON.parse(values.case))));
    return;
  }
  if (values.help || !values.output) {
    if (!values.help) process.exitCode = 1;
    console.log(HELP);
    return;
  }
  const options = {
    ...(values.size && { inputSize: Number(values.size) }),
    ...(values.width && { width: Number(values.width) }),
  };
  const networks = values.networks === 'all' ? Object.keys(BACKBONES) : values.networks.split(',');
  const rows: Cell[][] = [];
  for (const network of networks) {
    for (const refconv of [false, true]) {
      for (const batch of values.batches.split(',').map(Number)) {
        const each = { network, refconv, batch, options, steps: Number(values.steps) };
        const [counted, measured] = [await count(each), await measureApart(each)];
        rows.push([
          network,
          refconv ? 'refconv' : 'plain',
          batch,
          ...counted,
          measured.milliseconds,
          measured.peakMemory,
        ]);
        console.log(rows.at(-1)?.join(', '));
      }
    }
  }
  const header =
    'network,method,batch,parameters_in_training,parameters,macs_image,macs_step_once,flops_step,flops_step_weights,milliseconds,peak_memory_bytes';
  console.log(await writeCsv(values.output, 'cost.csv', header.split(','), rows));
});

async function build({ network, refconv, options }: Case): Promise<{ model: LayersModel; plain: LayersModel }> {
  const plain = buildBackbone(network, options);
  return { plain, model: refconv ? await refocus(plain) : plain };
}

async function count(each: Case): Promise<Cell[]> {
  const { model, plain } = await build(each);
  const [training, step] = [trainingCost(model), stepCost(model, each.batch)];
  const { image, step: once } = training.macs;
  const counted = [training.trainable, cost(plain).trainable, image, once, step.total, step.weights];
  if (model !== plain) model.dispose();
  plain.dispose();
  return counted;
}

/** In a process of its own, so that the peak memory is the case's. */
async function measureApart(each: Case): Promise<Measured> {
  if (each.steps === 0) return { milliseconds: '', peakMemory: '' };
  const script = fileURLToPath(import.meta.url);
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--case', JSON.stringify(each)]);
  return JSON.parse(stdout.trim().split('\n').at(-1) as string);
}

/** The median time of a training step on random images, and the process's largest memory. */
async function measure(each: Case): Promise<Measured> {
  const { model } = await build(each);
  const [input] = model.inputs as [SymbolicTensor];
  const [, height, width, channels] = input.shape as [null, number, number, number];
  const program = classifier(model, { momentum: 0.9, weightDecay: 4e-5, decayNormsAndBiases: true, labelSmoothing: 0 });
  const images: Tensor4D = tf.randomNormal([each.batch, height, width, channels], 0, 1, 'float32', 1);
  const labels: Tensor1D = tf.zeros([each.batch], 'int32');
  const seed = tf.tensor1d([1, 2], 'int32');
  const times: number[] = [];
  for (let step = 0; step <= each.steps; step++) {
    const begin = performance.now();
    const loss = await program.train.async(images, labels, 1e-3, seed);
    loss.dataSync();
    loss.dispose();
    if (step > 0) times.push(performance.now() - begin);
  }
  const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)] as number;
  return { milliseconds: Number(median.toFixed(2)), peakMemory: 1024 * process.resourceUsage().maxRSS };
}
