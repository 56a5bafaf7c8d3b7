/** What a worker of the tests with several is told, and what it reports. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Recipe } from '../recipe.js';

export interface WorkerOptions {
  /** Where reports go. */
  reports: string;
  folder?: string;
  /** `tiny` on textures, the others on CIFAR-10's first images. */
  network: 'tiny' | 'refconv' | 'resnet20';
  recipe?: Partial<Recipe>;
  /** The folder of CIFAR-10. */
  cifar?: string;
  /** Training images. */
  images?: number;
  /** By loaders, in place of batches in memory. */
  loaders?: boolean;
  /** In the task `task`, after the step `step`: is killed, frozen, throws, or wishes to stop. */
  mishap?: { task: number; step: number; what: 'SIGKILL' | 'SIGSTOP' | 'throw' | 'stop' };
  /** The task whose recipe has another seed. */
  unlike?: number;
}

export interface WorkerReport {
  losses: number[];
  /** More than before the training. */
  tensors: number;
  /** Weights, as SHA-256, and their values where there are few. */
  weights: string;
  values: number[];
  stopped: boolean;
  rows: unknown[];
  results: number;
}

/** Where a task's report lies. */
export const reportFile = (folder: string, task: number) => join(folder, `${task}.json`);

/** The reports of tasks, each as it wrote it last. */
export const readReports = (folder: string, tasks: number): WorkerReport[] =>
  Array.from({ length: tasks }, (_, task) => JSON.parse(readFileSync(reportFile(folder, task), 'utf8')));
