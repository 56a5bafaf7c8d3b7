export { baselineEpochs, type CurvePoint, curvePoints, curvesChart, toCsv, toSvg } from './chart.js';
export { connectivityChart, heatMaps, type MatrixCell, redundancyChart, skeletonChart } from './charts/heatMap.js';
export { isolines, landscapeChart, type NamedLandscape, sliceChart, surfaceChart } from './charts/landscape.js';
export { type EpsRow, epsChart } from './charts/robustness.js';
export { type CurveRow, type GainRow, gainsChart, trainingChart } from './charts/training.js';
export { exportChart } from './exportChart.js';
export { Html, html } from './html.js';
export { reportPage } from './page.js';
export { writeReport } from './report.js';
