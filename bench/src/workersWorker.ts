/** Worker of the benchmark of clusters: a network in training steps, alone, in a cluster of one, or with others that step when it does. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { serve } from '@refconv/analysis/measurement/serve';
import { buildBackbone } from '@refconv/backbones';
import { clusterFromEnvironment, joinCluster } from '@refconv/tensorflow';
import { clusterVariables, freePorts } from '@refconv/tensorflow/launch';
import { contestantOf } from './contestant.js';

export interface WorkersSetting {
  network: string;
  width?: number;
  /** Images of all tasks together. */
  batch: number;
  /** 0: no cluster. */
  tasks: number;
}

const SIZE = 32;
const CLASSES = 10;

function build({ network, width, batch, tasks }: WorkersSetting) {
  const model = buildBackbone(network, {
    variant: 'cifar',
    inputSize: SIZE,
    classes: CLASSES,
    ...(width !== undefined && { width }),
  });
  return contestantOf(model, { batch: batch / Math.max(1, tasks), inputSize: SIZE, classes: CLASSES });
}

async function first(setting: WorkersSetting) {
  if (setting.tasks === 0) return build(setting);
  const addresses = (await freePorts(setting.tasks)).map((port) => `127.0.0.1:${port}`);
  const others = addresses.slice(1).map((_, i) =>
    fork(fileURLToPath(import.meta.url), [process.argv[2] as string], {
      env: { ...process.env, ...clusterVariables({ task: i + 1, addresses }) },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    }),
  );
  process.once('exit', () => others.forEach((other) => void other.kill('SIGKILL')));
  await joinCluster({ task: 0, addresses });
  const contestant = build(setting);
  const step = () => {
    for (const other of others) other.send('step');
    return contestant.step();
  };
  const { parameters, multiplyAdds, versions } = contestant;
  return { parameters, multiplyAdds, ...(versions && { versions }), step };
}

if (process.send) {
  const cluster = clusterFromEnvironment();
  if (cluster) await joinCluster(cluster);
  const { step } = build(JSON.parse(process.argv[2] as string));
  process.on('message', () => void step());
  process.on('disconnect', () => process.exit(0));
} else await serve(first);
