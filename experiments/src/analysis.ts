/** What the analyses of trained networks have in common. */
import type { Experiment, Preset, SettingsInput } from './experiment.js';
import { presets, sized } from './presets.js';

/** The networks that are analysed: their runs are the same in all analyses, and trained once. */
export const trainedArms: Experiment['arms'] = {
  baseline: {},
  refconv: { after: 'baseline', method: { id: 'refconv' } },
};

/** With the control: the baseline trained on for as many epochs, without RefConv. */
export const controlledArms: Experiment['arms'] = { ...trainedArms, retraining: { after: 'baseline' } };

/**
 * The presets of an analysis; `pocket` is the whole network, so that its layers have the channels that the paper shows: 5 epochs on 2,000
 * images of CIFAR-10, one seed, two threads.
 */
export function analysisPresets(
  networks: readonly string[],
  changes: Record<Preset, Partial<SettingsInput>>,
): Experiment['presets'] {
  const pocket = { networks: sized(['mobilenetv1'], 'cifar'), seeds: [1], threads: 2, ...changes.pocket };
  return presets({ networks, changes: { ...changes, pocket } });
}
