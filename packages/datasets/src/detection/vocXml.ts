/** One annotation of Pascal VOC (The PASCAL Visual Object Classes Challenge, devkit). */
import { XMLParser } from 'fast-xml-parser';
import type { AnnotatedImage, AnnotatedObject } from './boxLists.js';

/** Larger files are no annotations. */
export const MAX_XML_BYTES = 4 * 2 ** 20;

// Nothing in a file makes the parser read, repeat or expand anything: entities stay as they are, and depth is limited.
const PARSER = new XMLParser({
  processEntities: false,
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: true,
  maxNestedTags: 32,
  isArray: (name) => name === 'object',
});

/** The entities that names may have. */
const LETTERS: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

type Element = Record<string, unknown>;

const isElement = (value: unknown): value is Element => typeof value === 'object' && value !== null;
const within = (value: unknown, name: string) => (isElement(value) ? value[name] : undefined);
const number = (value: unknown) => (typeof value === 'string' && value !== '' ? Number(value) : Number.NaN);
const words = (value: unknown) =>
  typeof value === 'string' ? value.replace(/&(lt|gt|quot|apos|amp);/g, (_, name) => LETTERS[name] as string) : '';

/**
 * Size and objects. Corners are pixels that both belong to the box, counted from 1, and become continuous: (xmin − 1, ymin − 1, xmax, ymax);
 * a box whose ends are the same has no area.
 * @throws Error where it is no XML, or none of an annotation.
 */
export function readVocXml(text: string): Pick<AnnotatedImage, 'size' | 'objects'> {
  const annotation = within(PARSER.parse(text, true), 'annotation');
  if (annotation === undefined) throw new Error('it has no <annotation>');
  const [height, width] = ['height', 'width'].map((name) => number(within(within(annotation, 'size'), name))) as [
    number,
    number,
  ];
  const objects = within(annotation, 'object');
  return {
    // Some programs write 0 where they do not know.
    size: height > 0 && width > 0 ? { height, width } : undefined,
    objects: (Array.isArray(objects) ? objects : []).map(objectOf),
  };
}

function objectOf(object: unknown): AnnotatedObject {
  const box = within(object, 'bndbox');
  const [x1, y1, x2, y2] = ['xmin', 'ymin', 'xmax', 'ymax'].map((name) => number(within(box, name))) as [
    number,
    number,
    number,
    number,
  ];
  const className = words(within(object, 'name'));
  const hasArea = x2 > x1 && y2 > y1;
  return {
    className,
    box: hasArea ? [x1 - 1, y1 - 1, x2, y2] : [x1, y1, x2, y2],
    difficult: within(object, 'difficult') === '1',
  };
}
