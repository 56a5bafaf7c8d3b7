/** Vega-Lite charts as pictures. */
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/**
 * The chart with texts that pictures can hold: names come from files and folders, and control characters, line separators and halves of
 * characters in them, which XML forbids or vega stumbles over, are written out.
 * @example
 * ```ts
 * const svg = await toSvg(printable({ ...epsChart([], 'accuracy, %'), title: 'a\u0000name' }));
 * ```
 */
export function printable<T>(chart: T): T {
  return JSON.parse(JSON.stringify(chart), (_, value) =>
    typeof value === 'string'
      ? value.replace(
          /[\p{Cc}\p{Cs}\u2028\u2029\ufffe\uffff]/gu,
          (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
        )
      : value,
  );
}

/**
 * A vega-lite chart as SVG.
 * @example
 * ```ts
 * const svg = await toSvg(epsChart([{ curve: 'baseline', eps: 1, value: 31, images: 1000 }], 'accuracy, %'));
 * ```
 */
export async function toSvg(chart: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(chart).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
