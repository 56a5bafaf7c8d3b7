/** What the doctor found. */
import type { Installation } from '../setup/index.js';

export interface Problem {
  /** An error stops work; a warning costs speed or says what was not expected. */
  severity: 'error' | 'warning';
  message: string;
  remedy: string;
}

/** A device as TensorFlow names it. */
export interface Device {
  name: string;
  type: string;
  memoryBytes: number;
}

export interface Report {
  node: { version: string; supported: boolean };
  system: { platform: string; architecture: string; name: string; glibc: string | undefined };
  tensorflow: {
    /** cpu, cuda, prebuilt or the user's folder; undefined if REFCONV_TENSORFLOW cannot be understood. */
    wanted: string | undefined;
    installation: Installation | undefined;
  };
  gpu: {
    /** The first sign of an NVIDIA driver, and the driver's version where it is told. */
    driver: { foundAt: string; version: string | undefined } | undefined;
    used: boolean;
  };
  /** Empty when TensorFlow is not there or does not load. */
  devices: Device[];
  threads: {
    processors: number;
    /** Processors' worth of time that the control group allows, if it limits it. */
    quota: number | undefined;
    /** Those of the variables that set numbers of threads that are set. */
    variables: Record<string, string>;
  };
  cache: {
    folder: string;
    freeBytes: number | undefined;
    entries: { name: string; bytes: number; inUse: boolean }[];
  };
  /** First lines of what the programs say about their versions; undefined where one is missing. */
  programs: { python: string | undefined; pip: string | undefined; compiler: string | undefined };
  problems: Problem[];
}
