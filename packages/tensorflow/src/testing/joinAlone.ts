/** For mocha's --require: all tests within a cluster that has this process alone. */
import { createServer } from 'node:net';
import { joinCluster } from '../cluster.js';

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

export const mochaHooks = {
  async beforeAll() {
    await joinCluster({ task: 0, addresses: [`127.0.0.1:${await freePort()}`] });
  },
};
