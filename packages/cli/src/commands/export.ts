import { classColour } from '@refconv/datasets';
import { anchorsOf, withDecoding } from '@refconv/detection';
import { exportDetectorPage, exportOnnx, exportSavedModel, exportSegmenterPage } from '@refconv/export';
import { reparameterizedLayers } from '@refconv/refconv';
import { openSource, type SourceOptions, taskIdOf } from '@refconv/runs/networks';
import { saveModel } from '@refconv/training';
import { requireNew } from '../target.js';

interface ExportOptions extends SourceOptions {
  format: 'savedmodel' | 'onnx' | 'tfjs' | 'page';
  output: string;
  batch?: number;
  nhwc?: boolean;
}

export async function exportCommand({ format, output, batch, nhwc, ...source }: ExportOptions): Promise<void> {
  requireNew(output);
  const { model, notes } = await openSource(source);
  const [first] = reparameterizedLayers(model);
  if (first)
    throw new Error(`${first.name} is still re-parameterised: \`refconv merge\` the network before it is exported.`);
  const isDetector = (await taskIdOf(source)) === 'detection';
  const whole = isDetector ? withDecoding(model) : model;
  if (format === 'page' && isDetector)
    await exportDetectorPage(model, output, notes, { colour: classColour, anchors: anchorsOf(model) });
  else if (format === 'page') await exportSegmenterPage(model, output, notes, { colour: classColour });
  else if (format === 'tfjs') await saveModel(model, output, notes);
  else if (format === 'onnx') await exportOnnx(whole, output, { layout: nhwc ? 'nhwc' : 'nchw' });
  else await exportSavedModel(whole, output, { ...(batch !== undefined && { batch }) });
  const hint = format === 'page' ? '; serve it, as by `npx http-server`, and open it in a browser' : '';
  console.log(`${model.name}: ${output}${hint}`);
}
