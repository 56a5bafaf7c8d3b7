/** What detectors end with. */
import { BoxDecoding } from '@refconv/layers';
import type { Converter } from './converter.js';

const boxDecoding: Converter = ({ graph, layer, name, shapes }, [x]) => {
  if (!(layer instanceof BoxDecoding)) throw new Error(`${name} is no BoxDecoding of @refconv/layers.`);
  const { centreWeight, sideWeight, largestLogarithm } = layer.coding;
  const { centres, sides, limits } = layer.constants();
  const stored = { centres: graph.weight(`${name}.centres`, centres), sides: graph.weight(`${name}.sides`, sides) };
  const largest = graph.weight(`${name}.limits`, limits);
  for (const tensor of [centres, sides, limits]) tensor.dispose();
  const step = (opType: string, own: string, ...inputs: string[]) => graph.operation(opType, `${name}.${own}`, inputs);
  const [shift = '', growth = ''] = graph.operations(
    'Split',
    `${name}.split`,
    [graph.channelsLast(x).name, graph.integers([2, 2])],
    { axis: { int: 2 } },
    2,
  );
  const moved = step('Mul', 'moved', shift, step('Div', 'unit', stored.sides, graph.scalar(centreWeight)));
  const centre = step('Add', 'centre', stored.centres, moved);
  const logarithm = step('Div', 'logarithm', growth, graph.scalar(sideWeight));
  const limited = step('Min', 'limited', logarithm, graph.scalar(largestLogarithm));
  const halves = step('Div', 'halves', stored.sides, graph.scalar(2));
  const half = step('Mul', 'half', step('Exp', 'factor', limited), halves);
  const corners = graph.operation(
    'Concat',
    `${name}.corners`,
    [step('Sub', 'from', centre, half), step('Add', 'to', centre, half)],
    { axis: { int: 2 } },
  );
  const inside = step('Max', 'inside', corners, graph.scalar(0));
  return { name: graph.operation('Min', name, [inside, largest]), shape: shapes[0] ?? [], channelsFirst: false };
};

export const boxConverters: Record<string, Converter> = { BoxDecoding: boxDecoding };
