/** What is written in WebAssembly, as nothing else here is fast enough. */
import { readFileSync } from 'node:fs';

/** Node's own types leave it out. */
declare const WebAssembly: {
  Module: new (code: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
};

interface Memory {
  buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** The compiled functions of wasm/kernels.as.ts and their memory. */
export interface Kernels {
  memory: Memory;
  horizontal(...numbers: number[]): void;
  vertical(...numbers: number[]): void;
  normalise(...numbers: number[]): void;
}

const PAGE = 65536;
const EDGE = 16;

let loaded: Kernels | undefined;

/** Where the table of normalisation lies; what is laid out begins after it. */
export const TABLE = 1024;

/** Places in the module's memory, one after the other. */
export class Layout {
  /** @param end where the first place begins at the earliest. */
  constructor(private end = 4096) {}

  take(length: number): number {
    const start = Math.ceil(this.end / 16) * 16;
    this.end = start + length + EDGE;
    return start;
  }

  reserve(memory: Memory): void {
    const missing = Math.ceil((this.end - memory.buffer.byteLength) / PAGE);
    if (missing > 0) memory.grow(missing);
  }
}

export function kernels(): Kernels {
  if (!loaded) {
    const code = readFileSync(new URL('../wasm/kernels.wasm', import.meta.url));
    loaded = new WebAssembly.Instance(new WebAssembly.Module(code)).exports as Kernels;
  }
  return loaded;
}
