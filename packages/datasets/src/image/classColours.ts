/** Colours for classes in pictures. */

/** Turned by so much from class to class, hues never come near those of the last ones (the golden angle). */
const TURN = 0.381966011250105;

/**
 * The colour of a class, R, G, B from 0 to 255: the same in every picture; of what does not count black.
 * @example
 * ```ts
 * const [red, green, blue] = classColour(3);
 * ```
 */
export function classColour(label: number): readonly [number, number, number] {
  if (label === 255) return [0, 0, 0];
  const hue = 6 * ((label * TURN) % 1);
  const [light, dark] = [label % 2 === 0 ? 255 : 180, label % 3 === 0 ? 40 : 90];
  const channel = (shift: number) => {
    const distance = Math.abs(((hue + shift) % 6) - 3);
    return Math.round(dark + (light - dark) * Math.max(0, Math.min(1, distance - 1)));
  };
  return [channel(0), channel(4), channel(2)];
}

/**
 * A picture with the classes of its pixels over it, `[pixels, 3]`. @param share of the colours.
 * @example
 * ```ts
 * withClasses([0, 0, 0, 255, 255, 255], [1, 2]); // two pixels, tinted by their classes
 * ```
 */
export function withClasses(picture: ArrayLike<number>, labels: ArrayLike<number>, share = 0.6): Uint8ClampedArray {
  const out = new Uint8ClampedArray(3 * labels.length);
  for (let i = 0; i < labels.length; i++) {
    const colour = classColour(labels[i] as number);
    for (let c = 0; c < 3; c++)
      out[3 * i + c] = (1 - share) * (picture[3 * i + c] as number) + share * (colour[c] as number);
  }
  return out;
}
