/** For mocha's --require: all tests within a cluster that has this process alone. */
import { joinCluster } from '../cluster.js';
import { freePorts } from '../launchCluster.js';

export const mochaHooks = {
  async beforeAll() {
    const [port] = await freePorts(1);
    await joinCluster({ task: 0, addresses: [`127.0.0.1:${port}`] });
  },
};
