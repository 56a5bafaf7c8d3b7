/** What an experiment asks, which its grids carry: the question, the claims that its runs decide, and what a preset cost. */
import { z } from 'zod';

/** What a claim expects of a number: to lie above, below or at a value. */
const expectationSchema = z.union([
  z.object({ above: z.number() }),
  z.object({ below: z.number() }),
  z.object({ equals: z.number() }),
]);

/** A claim, and the comparisons that decide it: of arms' results, of what an analysis found in their networks, or of costs. */
const claimSchema = z.object({
  /** Of this claim alone, whichever experiments decide it. */
  id: z.string(),
  /** In our words. */
  claim: z.string(),
  /** Where the paper has it, or who asks. */
  source: z.string(),
  /** Each of `against` is what the arm is compared with, seed by seed. */
  arms: z
    .object({
      arm: z.string(),
      against: z.array(z.string()),
      measure: z.enum(['top1', 'meanIou', 'ap', 'parameters', 'flops']),
      networks: z.array(z.string()).optional(),
    })
    .optional(),
  /** The network of one arm beside that of another, seed by seed; without one, beside what its method started from. */
  analysis: z
    .object({
      measure: z.enum([
        'connectivity',
        'redundancy',
        'redundancyUnitNorm',
        'landscape',
        'cross',
        'centre',
        'robustness',
      ]),
      arm: z.string(),
      against: z.string().optional(),
    })
    .optional(),
  /** In percent, beside the plain network. */
  cost: z.object({ measure: z.enum(['time', 'memory', 'flops']), arm: z.string() }).optional(),
  expected: expectationSchema,
});

const costSchema = z.object({
  /** How many runs were done; a plan may have grown since. */
  runs: z.number(),
  seconds: z.number(),
  /** On what, and how many runs at a time. */
  machine: z.string(),
});

export const askedSchema = z.object({
  question: z.string(),
  /** Where the paper has it, or who asks. */
  source: z.string().optional(),
  /** Of the paper, and what stands in its place here. */
  notKnown: z.string().optional(),
  /** What the reader of its numbers has to know besides. */
  details: z.string().optional(),
  /** That its runs decide; grids of older files have none. */
  claims: z.array(claimSchema).readonly().optional(),
  /** What the preset took; left out: not measured. */
  cost: costSchema.optional(),
});

export type Expectation = z.output<typeof expectationSchema>;
export type Claim = z.output<typeof claimSchema>;
export type MeasuredCost = z.output<typeof costSchema>;
export type Asked = z.output<typeof askedSchema>;

/**
 * What a preset cost, to read.
 * @example
 * ```ts
 * costText({ runs: 28, seconds: 811, machine: 'an AMD EPYC, two at a time' }); // '28 runs in 14 minutes on an AMD EPYC, two at a time'
 * ```
 */
export function costText({ runs, seconds, machine }: MeasuredCost): string {
  const time = seconds < 120 ? `${Math.round(seconds)} seconds` : `${Math.round(seconds / 60)} minutes`;
  return `${runs} runs in ${time} on ${machine}`;
}
