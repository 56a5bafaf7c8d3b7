/** Damage to bytes and files, as disks, transfers and killed writers do it, and as a hostile author does. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { Random } from '@refconv/datasets';

const pick = <T>(random: Random, values: readonly T[]): T => values[random.integer(values.length)] as T;

type Damage = (bytes: Buffer, random: Random) => Buffer;

/** A place in the bytes. */
const at = (bytes: Buffer, random: Random) => random.integer(Math.max(1, bytes.length));

const DAMAGES: Record<string, Damage> = {
  'a flipped bit': (bytes, random) => {
    const changed = Buffer.from(bytes);
    const i = at(bytes, random);
    changed[i] = (changed[i] ?? 0) ^ (1 << random.integer(8));
    return changed;
  },
  'cut off': (bytes, random) => bytes.subarray(0, at(bytes, random)),
  'a block of zeros': (bytes, random) => {
    const changed = Buffer.from(bytes);
    const begin = at(bytes, random);
    return changed.fill(0, begin, Math.min(bytes.length, begin + 1 + random.integer(512)));
  },
  'bytes too many': (bytes, random) =>
    Buffer.concat([bytes, Buffer.alloc(1 + random.integer(64), random.integer(256))]),
  'a part twice': (bytes, random) => {
    const [a, b] = [at(bytes, random), at(bytes, random)].sort((x, y) => x - y) as [number, number];
    return Buffer.concat([bytes.subarray(0, b), bytes.subarray(a)]);
  },
  'a part left out': (bytes, random) => {
    const [a, b] = [at(bytes, random), at(bytes, random)].sort((x, y) => x - y) as [number, number];
    return Buffer.concat([bytes.subarray(0, a), bytes.subarray(b)]);
  },
  empty: () => Buffer.alloc(0),
  'something else': (_, random) =>
    Buffer.from(Array.from({ length: 1 + random.integer(2000) }, () => random.integer(256))),
};

/** Damages a file in place. @returns what was done. */
export function damageFile(path: string, random: Random): string {
  const name = pick(random, Object.keys(DAMAGES));
  writeFileSync(path, (DAMAGES[name] as Damage)(readFileSync(path), random));
  return name;
}

const SPECIAL: Record<string, (path: string) => void> = {
  'a FIFO': (path) => execFileSync('mkfifo', [path]),
  'a folder': (path) => mkdirSync(path),
  'an endless device': (path) => symlinkSync('/dev/zero', path),
  'a link to nothing': (path) => symlinkSync('/nowhere/at/all', path),
  'a link to itself': (path) => symlinkSync(path, path),
  nothing: () => undefined,
};

/** Puts something else in a file's place. @returns what. */
export function replaceBySpecial(path: string, random: Random): string {
  rmSync(path, { recursive: true, force: true });
  const name = pick(random, Object.keys(SPECIAL));
  (SPECIAL[name] as (path: string) => void)(path);
  return `${name} in its place`;
}

/** One or the other. */
export const damageOrReplace = (path: string, random: Random): string =>
  random.integer(4) === 0 ? replaceBySpecial(path, random) : damageFile(path, random);

export { pick };
