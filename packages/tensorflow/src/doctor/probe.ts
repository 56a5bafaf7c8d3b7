/** `node probe.js GRAPH_BINDING`: prints TensorFlow's devices as JSON. Runs as a process of its own, since it may be ended by a crash. */
import { createRequire } from 'node:module';
import type { NativeGraphBinding } from '../native.js';

const [path = ''] = process.argv.slice(2);
const { Graph } = createRequire(import.meta.url)(path) as NativeGraphBinding;
const graph = new Graph(new Uint8Array());
process.stdout.write(JSON.stringify(graph.listDevices()));
graph.close();
