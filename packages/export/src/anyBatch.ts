/** Makes one graph for batches of any size of two that were recorded with batches of different sizes. */
import { decodeAttribute, encodeAttribute, type GraphDef, type NodeDef, tensorShape } from './tensorflowProto.js';

/** The sizes to record with: unlike in all that a layer might compute of them. */
export const RECORDED: [number, number] = [7, 13];

const [FLOAT, INT32] = [1, 3];

/** The operations that take −1 in a constant of theirs for "what is left", by the number of that input. */
const OPEN_SIZE_INPUT: Record<string, number> = { Reshape: 1, Slice: 2 };

/**
 * The first graph, with the batch's size left open wherever the two differ: in the shapes of placeholders; in the sizes that
 * Reshape and Slice are given, as −1; and in other lists of integers (multiples to tile by, sizes to fill) that hold multiples of it,
 * which are then computed from the first placeholder's value.
 * @throws Error where the batch's size enters the graph in any other way.
 */
export function withAnyBatch(graph: GraphDef, other: GraphDef): GraphDef {
  if (graph.node.length !== other.node.length) throw refusal('the number of its operations');
  const isOpen = opennessOf(graph);
  const image = graph.node.find(({ op }) => op === 'Placeholder')?.name as string;
  const node: NodeDef[] = [];
  for (const [i, one] of graph.node.entries()) {
    const two = other.node[i];
    if (one.op !== two.op || String(one.input) !== String(two.input)) throw refusal(`the operation ${one.name}`);
    const changed = Object.keys(one.attr).filter((name) => Buffer.compare(one.attr[name], two.attr[name]) !== 0);
    if (changed.length === 0) node.push(one);
    else if (one.op === 'Placeholder') node.push({ ...one, attr: { ...one.attr, shape: openShape(one.attr.shape) } });
    else if (one.op === 'Const') node.push(...openSizes(one, two, isOpen(one.name), image));
    else throw refusal(`an operation ${one.op}`);
  }
  return { ...graph, node };
}

/** Says of a constant whether −1 serves all that read it. */
function opennessOf(graph: GraphDef): (name: string) => boolean {
  const closed = new Set<string>();
  for (const { op, input } of graph.node)
    for (const [position, name] of input.entries()) if (OPEN_SIZE_INPUT[op] !== position) closed.add(name);
  return (name) => !closed.has(name);
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

/** The nodes in place of a constant list that the batch's size enters. */
function openSizes(one: NodeDef, two: NodeDef, isOpen: boolean, image: string): NodeDef[] {
  const { name } = one;
  const [first, second] = [sizes(one.attr.value), sizes(two.attr.value)];
  if (!first || first.length !== second?.length) throw refusal('a constant');
  const isFixed = first.map((size, i) => size === second[i]);
  const constant = (name: string, value: Uint8Array): NodeDef => ({
    name,
    op: 'Const',
    input: [],
    attr: { ...one.attr, value },
  });
  if (isOpen && isFixed.filter((fixed) => !fixed).length === 1)
    return [constant(name, list(first.map((size, i) => (isFixed[i] ? size : -1))))];
  const rates = first.map((size, i) => (isFixed[i] ? 0 : size / RECORDED[0]));
  if (rates.some((rate, i) => !Number.isInteger(rate) || (rate !== 0 && rate * RECORDED[1] !== second[i])))
    throw refusal('a list of sizes');
  const int32 = encodeAttribute({ type: INT32 });
  const indexed = { Tparams: int32, Tindices: int32, Taxis: int32 };
  const shapeOf = { T: encodeAttribute({ type: FLOAT }), out_type: int32 };
  return [
    { name: `${name}/shape`, op: 'Shape', input: [image], attr: shapeOf },
    constant(`${name}/zero`, list([0], [])),
    { name: `${name}/batch`, op: 'GatherV2', input: [`${name}/shape`, `${name}/zero`, `${name}/zero`], attr: indexed },
    constant(`${name}/rates`, list(rates)),
    { name: `${name}/multiples`, op: 'Mul', input: [`${name}/rates`, `${name}/batch`], attr: { T: int32 } },
    constant(`${name}/fixed`, list(first.map((size, i) => (isFixed[i] ? size : 0)))),
    { name, op: 'AddV2', input: [`${name}/multiples`, `${name}/fixed`], attr: { T: int32 } },
  ];
}

function list(values: number[], shape = [values.length]): Uint8Array {
  const content = new Uint8Array(Int32Array.from(values).buffer);
  return encodeAttribute({ tensor: { dtype: INT32, shape: tensorShape(shape), content } });
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
