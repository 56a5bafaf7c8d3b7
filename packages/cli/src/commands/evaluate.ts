import { evaluate, progress } from '@refconv/training';
import { normalisation, openData } from '../data.js';
import { openSource, type SourceOptions } from '../source.js';

interface EvaluateOptions extends SourceOptions {
  data: string;
  download?: boolean;
  mean?: number[];
  std?: number[];
  batchSize: number;
  json?: boolean;
}

export async function evaluateCommand(options: EvaluateOptions): Promise<void> {
  const { data: spec, download, mean, std, batchSize, json, ...source } = options;
  const opened = await openData(spec, { download });
  const { test, classes } = opened.data;
  const { model, notes } = await openSource(source, { height: test.height });
  const given = model.outputs[0]?.shape.at(-1);
  if (given !== classes.length)
    throw new Error(`The model has ${given} classes, ${opened.data.name} has ${classes.length}.`);
  const bar = progress(test.count, 'evaluation');
  const begin = performance.now();
  const result = await evaluate(model, test, {
    ...normalisation({ mean, std }, notes, opened),
    batchSize,
    onBatch: (done) => bar.update(done, ''),
  });
  bar.stop();
  const { top1, correct, count, loss } = result;
  const seconds = (performance.now() - begin) / 1000;
  if (json) console.log(JSON.stringify({ top1, correct, count, loss, seconds }));
  else {
    console.log(
      `top-1 ${(100 * top1).toFixed(2)} % (${correct} of ${count} test images), loss ${loss.toFixed(4)}, ${seconds.toFixed(1)} s`,
    );
  }
}
