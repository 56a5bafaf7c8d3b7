/**
 * Arranges the 100 ImageNet images of one class each as five classes of one's own, for training and validation:
 *
 *     node examples/dist/fiveClasses.js IMAGES FOLDER
 *
 * IMAGES has a folder for each WordNet ID; FOLDER gets train and val with a folder for each class, as `--data folder:FOLDER` reads them.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What WordNet IDs are of, as the beginnings of their numbers; all others are things. */
const CLASSES: Record<string, string[]> = {
  birds: ['01530575', '01601694', '01795545', '01820546', '01860187', '02007558', '02027492'],
  dogs: ['0208', '0209', '0210', '02110185', '02112137'],
  'other animals': ['01', '020', '021', '022', '023', '024', '025'],
  outdoors: [
    ...['02727426', '02860847', '02894605', '03042490', '03095699', '03240683', '03457902', '03717622', '03776460'],
    ...['03791053', '03868242', '03967562', '04147183', '04310018', '04443257', '04482393', '04509417', '04562935'],
    ...['06874185', '09193705', '09472597'],
  ],
  things: [''],
};

/** Of five images of a class two are for validation. */
const VALIDATION = [2, 4];

const [images, folder] = process.argv.slice(2);
if (!images || !folder) throw new Error('Give two folders: node examples/dist/fiveClasses.js IMAGES FOLDER');
if (existsSync(folder)) throw new Error(`${folder} exists already; choose another folder, or remove it.`);
const counts = new Map<string, number>();
for (const id of readdirSync(images).sort()) {
  const name = Object.keys(CLASSES).find((each) =>
    CLASSES[each]?.some((start) => id.startsWith(`n${start}`)),
  ) as string;
  for (const file of readdirSync(join(images, id)).sort()) {
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    const to = join(folder, VALIDATION.includes(count % 5) ? 'val' : 'train', name);
    mkdirSync(to, { recursive: true });
    copyFileSync(join(images, id, file), join(to, file));
  }
}
console.log([...counts].map(([name, count]) => `${name} ${count}`).join(', '));
