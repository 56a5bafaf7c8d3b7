/** Makes one graph for batches of any size of two that were recorded with batches of different sizes. */
import { decodeAttribute, encodeAttribute, type GraphDef, type NodeDef, tensorShape } from './tensorflowProto.js';

const INT32 = 3;

/** The operations that take −1 in a constant of theirs for "what is left", by the number of that input. */
const OPEN_SIZE_INPUT: Record<string, number> = { Reshape: 1, Slice: 2 };

/**
 * The first graph, with the batch's size left open wherever the two differ: in the shapes of placeholders, and in the sizes that
 * Reshape and Slice are given.
 * @throws Error where the batch's size enters the graph in any other way.
 */
export function withAnyBatch(graph: GraphDef, other: GraphDef): GraphDef {
  if (graph.node.length !== other.node.length) throw refusal('the number of its operations');
  const readers = new Map<string, string[]>();
  for (const { op, input } of graph.node)
    input.forEach((name, position) => {
      const open = OPEN_SIZE_INPUT[op] === position;
      readers.set(name, [...(readers.get(name) ?? []), open ? 'open' : op]);
    });
  const node = graph.node.map((one, i) => {
    const two = other.node[i] as NodeDef;
    if (one.op !== two.op || String(one.input) !== String(two.input)) throw refusal(`the operation ${one.name}`);
    const attr = Object.entries(one.attr).map(([name, value]) => {
      const otherValue = two.attr[name] as Uint8Array;
      if (Buffer.compare(value, otherValue) === 0) return [name, value];
      if (one.op === 'Placeholder') return [name, openShape(value)];
      const closed = readers.get(one.name)?.find((reader) => reader !== 'open');
      const opened = one.op === 'Const' && !closed ? openSize(value, otherValue) : undefined;
      if (!opened) throw refusal(`an operation ${closed ?? one.op}`);
      return [name, opened];
    });
    return { ...one, attr: Object.fromEntries(attr) };
  });
  return { ...graph, node };
}

const refusal = (what: string) =>
  new Error(
    `The model cannot be written for batches of any size: their size decides ${what}. Give \`batch\`, the number of images.`,
  );

function openShape(value: Uint8Array): Uint8Array {
  const { shape } = decodeAttribute(value);
  const [, ...sizes] = (shape?.dim ?? []).map(({ size }) => Number(size));
  return encodeAttribute({ shape: tensorShape([null, ...sizes]) });
}

/** A list of sizes with −1 in the one place where two lists differ; undefined where they differ otherwise. */
function openSize(value: Uint8Array, other: Uint8Array): Uint8Array | undefined {
  const [one, two] = [sizes(value), sizes(other)];
  if (one?.length !== two?.length) return undefined;
  const differing = one?.filter((size, i) => size !== two?.[i]).length;
  if (!one || differing !== 1) return undefined;
  const content = Int32Array.from(one, (size, i) => (size === two?.[i] ? size : -1));
  return encodeAttribute({
    tensor: { dtype: INT32, shape: tensorShape([one.length]), content: new Uint8Array(content.buffer) },
  });
}

/** The numbers of a list that a constant holds. */
function sizes(value: Uint8Array): number[] | undefined {
  const { tensor } = decodeAttribute(value);
  if (tensor?.dtype !== INT32 || tensor.shape.dim.length !== 1) return undefined;
  const { content, intValues = [] } = tensor;
  if (content?.length) return [...new Int32Array(new Uint8Array(content).buffer)];
  // TensorFlow leaves out repetitions of the last number.
  const length = Number(tensor.shape.dim[0]?.size);
  return Array.from({ length }, (_, i) => intValues[Math.min(i, intValues.length - 1)] ?? 0);
}
