/** Numbers as pages show them. */

export const count = (value: number) => value.toLocaleString('en');

/** With its sign, as the tables of packages/runs write it. */
export const signed = (value: number, digits = 2) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`;

/** Of a share, 0 to 1. */
export const percent = (share: number) => `${(100 * share).toFixed(2)} %`;

/** To four digits; a whole number as it is. */
export const four = (value: number | string | undefined) => {
  if (typeof value !== 'number') return value ?? '';
  return Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4)));
};
