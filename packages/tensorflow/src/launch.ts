/** Starting a cluster, without loading TensorFlow. */
export { clusterFromEnvironment, clusterVariables } from './clusterEnvironment.js';
export { isLost, LAUNCHER, WORKER_FAILED } from './clusterProtocol.js';
export { freePorts, type LaunchClusterOptions, launchCluster } from './launchCluster.js';
