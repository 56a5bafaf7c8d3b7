/** Values of options: text from the command line to what it means, or an error that says what was expected. */
import { InvalidArgumentError } from 'commander';

type Parser<T> = (text: string) => T;

const number = (text: string) => (text.trim() === '' ? Number.NaN : Number(text));

function numeric(valid: (value: number) => boolean, expected: string): Parser<number> {
  return (text) => {
    const value = number(text);
    if (!valid(value)) throw new InvalidArgumentError(`Expected ${expected}; given '${text}'.`);
    return value;
  };
}

export const count = numeric((value) => Number.isSafeInteger(value) && value >= 1, 'an integer from 1');
export const index = numeric((value) => Number.isSafeInteger(value) && value >= 0, 'an integer from 0');
export const positive = numeric((value) => Number.isFinite(value) && value > 0, 'a number above 0');
export const notNegative = numeric((value) => Number.isFinite(value) && value >= 0, 'a number from 0');
export const share = numeric((value) => value >= 0 && value < 1, 'a number from 0 to below 1');

function list(valid: (value: number) => boolean, expected: string): Parser<number[]> {
  return (text) => {
    const values = text.split(',').map(number);
    if (!values.every(valid)) throw new InvalidArgumentError(`Expected ${expected}; given '${text}'.`);
    return values;
  };
}

export const numbers = list(Number.isFinite, 'numbers with commas between, such as 0.485,0.456,0.406');
export const positives = list(
  (value) => Number.isFinite(value) && value > 0,
  'numbers above 0 with commas between, such as 0.229,0.224,0.225',
);
export const notNegatives = list(
  (value) => Number.isFinite(value) && value >= 0,
  'numbers from 0 with commas between, such as 0,0.5,1',
);
export const indices = list(
  (value) => Number.isSafeInteger(value) && value >= 0,
  'integers from 0 with commas between, such as 3,1,2,0',
);

/** Classes, or the path of a file that holds them. */
export const labels: Parser<number[] | string> = (text) => (text.endsWith('.npy') ? text : indices(text));

export const outputStride: Parser<16 | 32> = (text) => {
  if (text !== '16' && text !== '32') throw new InvalidArgumentError(`Expected 16 or 32; given '${text}'.`);
  return text === '16' ? 16 : 32;
};

/** Height and width. */
export const imageSize: Parser<readonly [number, number]> = (text) => {
  const [, height, width] = /^([1-9]\d*)x([1-9]\d*)$/.exec(text) ?? [];
  if (!height || !width) throw new InvalidArgumentError(`Expected height and width, such as 180x240; given '${text}'.`);
  return [Number(height), Number(width)];
};

/** Names with commas between. */
export const texts: Parser<string[]> = (text) => {
  const values = text.split(',').map((value) => value.trim());
  if (values.includes('')) throw new InvalidArgumentError(`Expected names with commas between; given '${text}'.`);
  return values;
};

export const mapKernel: Parser<1 | 3 | 5> = (text) => {
  if (!['1', '3', '5'].includes(text)) throw new InvalidArgumentError(`Expected 1, 3 or 5; given '${text}'.`);
  return Number(text) as 1 | 3 | 5;
};

export const pattern: Parser<RegExp> = (text) => {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError(`Expected a regular expression; given '${text}': ${(error as Error).message}.`);
  }
};

/** Collects name=value; the value is JSON where it can be, else text. */
export function assignment(text: string, earlier: Record<string, unknown> = {}): Record<string, unknown> {
  const [, name, value] = /^([A-Za-z]\w*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError(`Expected name=value; given '${text}'.`);
  try {
    return { ...earlier, [name]: JSON.parse(value) };
  } catch {
    return { ...earlier, [name]: value };
  }
}
