/** How the boxes of images lie in the targets of a batch; imports nothing, so that what runs in a browser can read them. */

/** An object of an image. */
export interface LoadedBox {
  /** (x1, y1, x2, y2) in pixels, continuous: the first pixel is from 0 to 1. */
  box: [x1: number, y1: number, x2: number, y2: number];
  /** COCO's, of the object's outline; else that of the box. In pixels. */
  area: number;
  /** The class, from 1; 0 is the background's. */
  label: number;
  /** Many objects in one box (COCO): neither trained on nor missed. */
  crowd: boolean;
  /** Pascal VOC's mark: trained on, neither to be found nor to be missed. */
  difficult: boolean;
}

/** The boxes of an image, and the size of the image whose pixels they are in. */
export interface ImageBoxes {
  boxes: LoadedBox[];
  height: number;
  width: number;
}

/** Numbers of a box in the first target: its corners, its area. */
export const BOX_NUMBERS = 5;
/** Numbers of a box in the second target: its class and {@link Mark}s; all 0 where an image has no further box. */
export const BOX_MARKS = 2;
export const Mark = { crowd: 1, difficult: 2 } as const;

type Numbers = ArrayLike<number>;

/**
 * The boxes of one image of a batch whose `targets` are float64 [size, most, 5], int32 [size, most, 2] and int32 [size, 2]: what a loader
 * gives of a set with boxes.
 * @throws Error where they are other targets.
 */
export function boxesOf(
  targets: readonly { data: Numbers; shape: readonly number[] }[] | undefined,
  image: number,
): ImageBoxes {
  const [boxes, marks, sizes] = targets ?? [];
  if (!boxes || !marks || !sizes || boxes.shape[1] !== BOX_NUMBERS)
    throw new Error('Detection needs images with boxes: a set such as voc:DIR, coco:DIR or objects.');
  const most = boxes.shape[0] as number;
  const found: LoadedBox[] = [];
  for (let k = image * most; k < (image + 1) * most; k++) {
    const [label, mark] = [marks.data[BOX_MARKS * k] as number, marks.data[BOX_MARKS * k + 1] as number];
    if (label === 0) break;
    const [x1, y1, x2, y2, area] = Array.from({ length: BOX_NUMBERS }, (_, i) => boxes.data[BOX_NUMBERS * k + i]) as [
      number,
      number,
      number,
      number,
      number,
    ];
    found.push({
      box: [x1, y1, x2, y2],
      ...{ area, label, crowd: (mark & Mark.crowd) !== 0, difficult: (mark & Mark.difficult) !== 0 },
    });
  }
  return { boxes: found, height: sizes.data[2 * image] as number, width: sizes.data[2 * image + 1] as number };
}
