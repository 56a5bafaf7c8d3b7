/** The claims that there are, and which grids decide them. */
import { fileURLToPath } from 'node:url';
import { readJson } from '@refconv/files';
import type { Claim, Grid } from '@refconv/runs';

/** The claims of all experiments of this project, which writes them here; they stand beside the experiments' arms. */
const LIST = fileURLToPath(new URL('../../assets/claims.json', import.meta.url));

export interface ListedClaim extends Claim {
  /** All whose runs may say something to it. */
  experiments: string[];
}

/** The project's claims, then those that grids alone carry. */
export async function listClaims(grids: readonly Grid[] = []): Promise<ListedClaim[]> {
  const listed = new Map<string, ListedClaim>();
  const add = (claim: Claim, experiments: readonly string[]) => {
    const known = listed.get(claim.id);
    const all = new Set([...(known?.experiments ?? []), ...experiments]);
    listed.set(claim.id, { ...(known ?? claim), experiments: [...all] });
  };
  const own = await readJson<ListedClaim[]>(LIST, 'install the package anew');
  for (const claim of own ?? []) add(claim, claim.experiments);
  for (const { experiment, claims = [] } of grids) for (const claim of claims) add(claim, [experiment]);
  return [...listed.values()];
}

/** Whether a grid is to decide a claim: it says so itself, or, where it is older than claims in grids, its experiment does now. */
export const isAsked = ({ id, experiments }: ListedClaim, { claims, experiment }: Grid): boolean =>
  claims ? claims.some((claim) => claim.id === id) : experiments.includes(experiment);
