export { type CurvePoint, curvePoints, curvesChart, toCsv, toSvg } from './chart.js';
export { Html, html } from './html.js';
export { reportPage } from './page.js';
export { writeReport } from './report.js';
