/** Loads the add-on for graphs, and with it TensorFlow's libraries; TensorFlow.js not. */
import { createRequire } from 'node:module';
import type { NativeGraphBinding, NativeQuietBinding } from './native.js';
import type { Installation } from './setup/find.js';

const require = createRequire(import.meta.url);

// TensorFlow's start-up notes fill the terminal.
process.env.TF_CPP_MIN_LOG_LEVEL ??= '1';
export const LOG_LEVEL = Number(process.env.TF_CPP_MIN_LOG_LEVEL);

/** Without the notes that the libraries write before their log can be told not to. */
export function loadGraphBinding({ quietBinding, graphBinding }: Installation): NativeGraphBinding {
  const quiet = require(quietBinding) as NativeQuietBinding;
  if (LOG_LEVEL > 0) quiet.mute();
  try {
    const binding = require(graphBinding) as NativeGraphBinding;
    binding.setLogLevel(LOG_LEVEL);
    binding.keepFreedMemory();
    return binding;
  } finally {
    quiet.unmute();
  }
}
