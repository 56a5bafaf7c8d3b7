/** COCO's JSON formats of annotations and of results (cocodataset.org/#format-data, #format-results), as far as boxes go. */

/** (x, y, width, height) in pixels. */
export type CocoBox = [x: number, y: number, width: number, height: number];

export interface CocoAnnotation {
  id?: number;
  image_id: number;
  category_id: number;
  bbox: CocoBox;
  /** Default: of the box. COCO's own is that of the object's outline. */
  area?: number;
  /** 1: a group of objects. */
  iscrowd?: 0 | 1;
  /** Pascal VOC's mark, 1: neither to be found nor to be missed. */
  difficult?: 0 | 1;
}

export interface CocoTruth {
  images: { id: number }[];
  categories: { id: number; name?: string }[];
  annotations: CocoAnnotation[];
}

export interface CocoResult {
  image_id: number;
  category_id: number;
  bbox: CocoBox;
  score: number;
}

/** @throws Error that says which entry is wrong, and what was expected. */
export function checkTruth(value: unknown): CocoTruth {
  const lists = ['images', 'categories', 'annotations'] as const;
  const { images, categories, annotations } = record(value, 'The truth', `an object with ${lists.join(', ')}`);
  const imageIds = ids(images, 'images');
  const categoryIds = ids(categories, 'categories');
  list(annotations, 'annotations').forEach((entry, i) => {
    const annotation = checkEntry(entry, `annotations[${i}]`, imageIds, categoryIds);
    for (const key of ['iscrowd', 'difficult'] as const) {
      if (annotation[key] !== undefined && annotation[key] !== 0 && annotation[key] !== 1)
        throw new Error(`annotations[${i}].${key} is ${JSON.stringify(annotation[key])}; expected 0 or 1.`);
    }
    if (annotation.area !== undefined) finite(annotation.area, `annotations[${i}].area`);
  });
  return value as CocoTruth;
}

/** @throws Error that says which entry is wrong, and what was expected. */
export function checkResults(value: unknown, truth: CocoTruth): CocoResult[] {
  const imageIds = new Set(truth.images.map(({ id }) => id));
  const categoryIds = new Set(truth.categories.map(({ id }) => id));
  list(value, 'The detections').forEach((entry, i) => {
    finite(checkEntry(entry, `detections[${i}]`, imageIds, categoryIds).score, `detections[${i}].score`);
  });
  return value as CocoResult[];
}

function checkEntry(value: unknown, name: string, images: Set<unknown>, categories: Set<unknown>) {
  const entry = record(value, name, 'an object');
  if (!images.has(entry.image_id))
    throw new Error(`${name}.image_id is ${JSON.stringify(entry.image_id)}, which is no image of the truth.`);
  if (!categories.has(entry.category_id))
    throw new Error(`${name}.category_id is ${JSON.stringify(entry.category_id)}, which is no category of the truth.`);
  const box = entry.bbox;
  if (!Array.isArray(box) || box.length !== 4 || !box.every(Number.isFinite) || box[2] < 0 || box[3] < 0) {
    throw new Error(
      `${name}.bbox is ${JSON.stringify(box)}; expected [x, y, width, height], of which the last two are not negative.`,
    );
  }
  return entry;
}

function ids(value: unknown, name: string): Set<number> {
  const found = new Set<number>();
  list(value, name).forEach((entry, i) => {
    const { id } = record(entry, `${name}[${i}]`, 'an object');
    if (typeof id !== 'number' || found.has(id))
      throw new Error(`${name}[${i}].id is ${JSON.stringify(id)}; expected a number that no other entry has.`);
    found.add(id);
  });
  return found;
}

function list(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw new Error(`${name}: expected a list; given ${kind(value)}.`);
  return value;
}

function record(value: unknown, name: string, expected: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${name}: expected ${expected}; given ${kind(value)}.`);
  return value as Record<string, unknown>;
}

const kind = (value: unknown) => (value === undefined ? 'nothing' : Array.isArray(value) ? 'a list' : `${value}`);

function finite(value: unknown, name: string): void {
  if (!Number.isFinite(value)) throw new Error(`${name} is ${JSON.stringify(value)}; expected a finite number.`);
}
