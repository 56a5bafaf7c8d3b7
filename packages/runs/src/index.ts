// Who judges claims has tables and intervals of one place.
export { type Interval, meanInterval } from '@refconv/analysis/statistics';
// Who writes about runs counts and lists as this package does.
export { counted, listed } from '@refconv/datasets/text';
export { type AnalysisTableRow, analysisCsv, analysisMarkdown, analysisTableOf, foldSpreads } from './analysisTable.js';
export { type Asked, type Claim, costText, type Expectation, type MeasuredCost } from './asked.js';
export { cancelJobs, cancelRuns, cleanRuns, retryRuns } from './control.js';
export { checkData, loadData, openRunImages, type RunData, type RunImages } from './data.js';
export { letRetry, PICTURES, readAnalysis, readResult, runFolder, type State, stateOf } from './folder.js';
export {
  type Grid,
  GridBuilder,
  type GridNotes,
  type GridRow,
  gridFolder,
  planGrid,
  readGrid,
  settingsText,
  writeGrid,
} from './grid.js';
export { type Launched, type LaunchOptions, launch, writeTables } from './launch.js';
export { appendToLedger, type LedgerRow, ledgerOfRuns, readLedger, rebuildLedger, scoreOfRow } from './ledger.js';
export { parse } from './parse.js';
export { placeOf } from './place.js';
export { type Published, publish } from './publish.js';
export { type Outcome, type QueueOptions, runQueue, workersFor } from './queue.js';
export { agrees, type Rerun, rerun, rerunText } from './rerun.js';
export {
  type AnalysisResult,
  type AnalysisRow,
  type Environment,
  type Result,
  type Score,
  scoreOf,
  scoreValue,
} from './result.js';
export { type ServedGrids, serveGrids } from './serve/server.js';
export { type ServedTraining, serveTraining, type WatchedTraining } from './serve/training.js';
export { withSettings } from './settings.js';
export { hashOfSpec, paperRecipe, parseSpec, shortHash } from './spec.js';
export {
  type Analysis,
  analysisSchema,
  dataSchema,
  type Hash,
  methodSchema,
  modelSchema,
  networkSchema,
  RESULTS_VERSION,
  recipeSchema,
  type Spec,
  type SpecInput,
  taskSchema,
  weightsSchema,
} from './specSchema.js';
export { otherStarts } from './starts.js';
export { gridStatus, isSettled, type RowState, statusText } from './status.js';
export {
  type TableRow,
  tableCells,
  tableCsv,
  tableFrom,
  tableMarkdown,
  tableOf,
} from './table.js';
export {
  type OpenNetwork,
  type OwnTask,
  type RunTask,
  registerTask,
  TASKS,
  type TaskFacts,
} from './tasks/registry.js';
export { versionOf } from './version.js';
