/** Starting a cluster, without loading TensorFlow. */
export { clusterFromEnvironment } from './clusterEnvironment.js';
export { LAUNCHER, WORKER_FAILED } from './clusterProtocol.js';
export { freePorts, type LaunchClusterOptions, launchCluster } from './launchCluster.js';
