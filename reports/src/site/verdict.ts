/** What a measured interval says about a claim. */
import type { Expectation, Interval } from '@refconv/runs';

export type Verdict = 'agrees' | 'disagrees' | 'undecided' | 'not measured';

/**
 * The verdict of a mean with its 95 % confidence interval. One value alone has no interval, and decides nothing.
 * @param interval undefined where nothing was measured.
 */
export function verdictOf(interval: Interval | undefined, expected: Expectation): Verdict {
  if (!interval) return 'not measured';
  const { low, high } = interval;
  if (low === undefined || high === undefined) return 'undecided';
  const [agrees, disagrees] =
    'equals' in expected
      ? [low === expected.equals && high === expected.equals, low > expected.equals || high < expected.equals]
      : 'above' in expected
        ? [low > expected.above, high < expected.above]
        : [high < expected.below, low > expected.below];
  return agrees ? 'agrees' : disagrees ? 'disagrees' : 'undecided';
}

/** Of several measurements: one that disagrees refutes, and all have to agree. Those that are not there yet are left out. */
export function overallVerdict(verdicts: readonly Verdict[]): Verdict {
  const measured = verdicts.filter((verdict) => verdict !== 'not measured');
  if (measured.length === 0) return 'not measured';
  if (measured.includes('disagrees')) return 'disagrees';
  return measured.includes('undecided') ? 'undecided' : 'agrees';
}
