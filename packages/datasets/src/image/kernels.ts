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

/** Places in the module's memory, one after the other. */
export class Layout {
  private end = 1024;

  take(length: number): number {
    const start = this.end;
    this.end = Math.ceil((start + length + EDGE) / 16) * 16;
    return start;
  }

  fits(memory: Memory): boolean {
    return this.end <= memory.buffer.byteLength;
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
