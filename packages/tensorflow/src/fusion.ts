/**
 * Moves activations into batch norm while a function is recorded. The operations that are then used no more stay in the graph
 * without a reader, and TensorFlow leaves them out.
 */
import { Attr, type Attribute, type Output } from './native.js';

export interface RecordedOperation {
  op: string;
  inputs: Output[];
  attributes: Attribute[];
}

/** The activations that the normalisation kernel knows, and their gradients, by its numbers. */
const ACTIVATIONS: Record<string, number> = { Relu: 1, Relu6: 2 };
const GRADIENTS: Record<string, number> = { ReluGrad: 1, Relu6Grad: 2 };

/**
 * What to record in the place of an operation:
 * activation(normalize(x)) becomes normalize(x) with the activation inside, and the gradient of a normalisation whose dy comes
 * through that activation's gradient takes the dy before it.
 * @param producer the operation that made an output.
 */
export function fuse(
  given: RecordedOperation,
  producer: (output: Output) => RecordedOperation | undefined,
): RecordedOperation {
  const { op, inputs } = given;
  const [first] = inputs;
  const source = first && producer(first);
  if (!source) return given;

  const activation = ACTIVATIONS[op];
  if (activation && source.op === 'RefconvNormalize' && activationOf(source) === 0) {
    return { ...source, attributes: [activationAttribute(activation)] };
  }

  const gradient = GRADIENTS[source.op];
  if (op === 'RefconvNormalizeGrad' && gradient) {
    const [dy, activated] = source.inputs as [Output, Output];
    const forward = producer(activated);
    // The same normalisation: of this x, with these scale, offset and statistics.
    const same = forward?.op === 'RefconvNormalize' && String(forward.inputs) === String(inputs.slice(1));
    if (same && activationOf(forward) === gradient) {
      return { op, inputs: [dy, ...inputs.slice(1)], attributes: [activationAttribute(gradient)] };
    }
  }
  return given;
}

const activationAttribute = (value: number): Attribute => ({ name: 'activation', type: Attr.int, value });
const activationOf = ({ attributes }: RecordedOperation) => attributes.find(({ name }) => name === 'activation')?.value;
