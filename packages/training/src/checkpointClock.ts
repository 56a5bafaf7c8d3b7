/** When checkpoints are due within an epoch. */

/** Says after a step whether a checkpoint is due. */
export function checkpointClock({
  steps = Number.POSITIVE_INFINITY,
  seconds = 300,
}: {
  steps?: number;
  seconds?: number;
} = {}) {
  if (!(steps > 0 && seconds > 0)) {
    throw new RangeError(`checkpointEvery must be above 0; given ${steps} steps, ${seconds} seconds.`);
  }
  let last = performance.now();
  return (step: number): boolean => {
    const now = performance.now();
    const isDue = step % steps === 0 || now - last >= 1000 * seconds;
    if (isDue) last = now;
    return isDue;
  };
}
