/** Image files that are damaged, or no files at all. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { imageFolder, Loader, verifyDataset } from '@refconv/datasets';
import { damageFile, replaceBySpecial } from '../damage.js';
import { check, type Kind, requireClear } from '../kind.js';

const SIZE = 16;
const IMAGES = 8;

/** A PNG of one colour. */
function picture(seed: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIZE, 0);
  header.writeUInt32BE(SIZE, 4);
  header.writeUInt16BE(0x0802, 8);
  const row = Buffer.concat([Buffer.alloc(1), Buffer.alloc(3 * SIZE, (37 * seed) % 256)]);
  const pixels = deflateSync(Buffer.concat(Array.from({ length: SIZE }, () => row)));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

export const images: Kind = {
  name: 'images damaged or replaced by special files',
  share: 60,
  async prepare({ folder }) {
    for (let i = 0; i < IMAGES; i++) writeFileSync(join(folder, `${i}.png`), picture(i));
    return {
      async inject(random, own) {
        mkdirSync(join(own, 'class'));
        for (let i = 0; i < IMAGES; i++) copyFileSync(join(folder, `${i}.png`), join(own, 'class', `${i}.png`));
        const path = join(own, 'class', `${random.integer(IMAGES)}.png`);
        const what = random.integer(2) ? damageFile(path, random) : replaceBySpecial(path, random);
        const source = await imageFolder(own);
        const found = await verifyDataset(source, { workers: 1 });
        check(
          found.broken.every((each) => each.path === path),
          'Another image is called broken.',
        );
        for (const { reason } of found.broken) requireClear(new Error(reason));
        const loader = new Loader(source, {
          transform: `centerCrop(${SIZE})`,
          batchSize: 3,
          workers: 1,
          onBroken: 'skip',
        });
        try {
          let read = 0;
          for await (const { size, images: pixels } of loader.epoch(0)) {
            read += size;
            check(pixels.every(Number.isFinite), 'Pixels are not finite.');
          }
          check(read === source.count - found.broken.length, `${read} images are read of ${source.count}.`);
        } finally {
          await loader.close();
        }
        return what;
      },
    };
  },
};
