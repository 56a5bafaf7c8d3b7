/** Memory that JavaScript no longer uses. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { nativeGraph } from './load.js';

let collect: (() => void) | undefined;

/**
 * Collects arrays that are no longer used, and gives their memory back to the system. Node frees them when it needs memory itself, of which
 * TensorFlow's share is no part, and glibc keeps them for the thread that made them, which is none of TensorFlow's.
 */
export function releaseGarbage(): void {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  // The first leaves the freeing to another thread; the second waits for it.
  collect();
  nativeGraph.releaseFreedMemory();
}
