/** TensorBoard's own reader, for the tests. */
import { spawnSync } from 'node:child_process';

const READER = `
import base64, json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
tags = events.Tags()
print(json.dumps({
    'scalars': {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags['scalars']},
    'images': {tag: [[e.step, e.width, e.height, base64.b64encode(e.encoded_image_string).decode()] for e in events.Images(tag)] for tag in tags['images']},
    'texts': {tag: [[e.step, e.tensor_proto.string_val[0].decode()] for e in events.Tensors(tag)] for tag in tags['tensors']},
}))
`;

/** What is in a folder of events, by tag. */
export interface FoundEvents {
  scalars: Record<string, [step: number, value: number][]>;
  /** Pictures in base64. */
  images: Record<string, [step: number, width: number, height: number, picture: string][]>;
  texts: Record<string, [step: number, text: string][]>;
}

/** Reads folders as TensorBoard does; undefined where it is missing, which is said. */
export function tensorBoardReader(): ((folder: string) => FoundEvents) | undefined {
  const python = process.env.REFCONV_PYTHON ?? 'python3';
  if (spawnSync(python, ['-c', 'import tensorboard']).status !== 0) {
    console.log('      TensorBoard is missing: pip install tensorboard, and REFCONV_PYTHON=…/bin/python');
    return undefined;
  }
  return (folder) => {
    const { stdout, stderr, status } = spawnSync(python, ['-c', READER, folder], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout.trim().split('\n').at(-1) as string);
  };
}
