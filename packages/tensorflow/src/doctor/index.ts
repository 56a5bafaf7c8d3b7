export { doctor } from './doctor.js';
export type { Device, Problem, Report } from './report.js';
export { reportText } from './text.js';
