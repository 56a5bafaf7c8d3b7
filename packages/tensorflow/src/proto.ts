/** The few protocol-buffer messages of TensorFlow that are read or written here; field numbers from its .proto files. */
import protobuf from 'protobufjs/light.js';

const { Root } = protobuf;

const field = (id: number, type: string) => ({ id, type });
const repeated = (id: number, type: string) => ({ id, type, rule: 'repeated' as const });

const root = Root.fromJSON({
  nested: {
    // tensorflow/core/framework/op_def.proto
    ArgDef: { fields: { name: field(1, 'string'), numberAttr: field(5, 'string'), typeListAttr: field(6, 'string') } },
    OpDef: { fields: { name: field(1, 'string'), inputArg: repeated(2, 'ArgDef') } },
    // tensorflow/core/protobuf/config.proto, rewriter_config.proto
    GPUOptions: { fields: { allowGrowth: field(4, 'bool') } },
    RewriterConfig: {
      fields: { arithmeticOptimization: field(7, 'int32'), metaOptimizerIterations: field(12, 'int32') },
    },
    GraphOptions: { fields: { rewriteOptions: field(10, 'RewriterConfig') } },
    ConfigExperimental: { fields: { collectiveGroupLeader: field(1, 'string'), collectiveNccl: field(7, 'bool') } },
    RunExperimental: { fields: { collectiveGraphKey: field(1, 'int64') } },
    RunOptions: { fields: { experimental: field(8, 'RunExperimental') } },
    ConfigProto: {
      fields: {
        deviceCount: { ...field(1, 'int32'), keyType: 'string' } as protobuf.IField,
        intraOpParallelismThreads: field(2, 'int32'),
        interOpParallelismThreads: field(5, 'int32'),
        usePerSessionThreads: field(9, 'bool'),
        gpuOptions: field(6, 'GPUOptions'),
        allowSoftPlacement: field(7, 'bool'),
        graphOptions: field(10, 'GraphOptions'),
        deviceFilters: repeated(4, 'string'),
        isolateSessionState: field(15, 'bool'),
        experimental: field(16, 'ConfigExperimental'),
      },
    },
    // tensorflow/core/protobuf/cluster.proto, tensorflow_server.proto
    JobDef: {
      fields: { name: field(1, 'string'), tasks: { ...field(2, 'string'), keyType: 'int32' } as protobuf.IField },
    },
    ClusterDef: { fields: { job: repeated(1, 'JobDef') } },
    ServerDef: {
      fields: {
        cluster: field(1, 'ClusterDef'),
        jobName: field(2, 'string'),
        taskIndex: field(3, 'int32'),
        defaultSessionConfig: field(4, 'ConfigProto'),
        protocol: field(5, 'string'),
      },
    },
    // tensorflow/core/framework/step_stats.proto
    NodeExecStats: {
      fields: {
        nodeName: field(1, 'string'),
        opEndRelMicros: field(4, 'int64'),
        opStartRelMicros: field(3, 'int64'),
        timelineLabel: field(8, 'string'),
      },
    },
    DeviceStepStats: { fields: { device: field(1, 'string'), nodeStats: repeated(2, 'NodeExecStats') } },
    StepStats: { fields: { devStats: repeated(1, 'DeviceStepStats') } },
    RunMetadata: { fields: { stepStats: field(1, 'StepStats') } },
  },
});

/** One input argument of an operation: a single tensor, or a list with its length in the attribute `numberAttr`. */
export interface ArgDef {
  name: string;
  numberAttr: string;
  typeListAttr: string;
}

/** The inputs that an operation takes, from its serialized OpDef. */
export function decodeOpInputs(bytes: Uint8Array): ArgDef[] {
  return (root.lookupType('OpDef').decode(bytes) as unknown as { inputArg: ArgDef[] }).inputArg;
}

/** A serialized message. */
export function encode(name: 'ConfigProto' | 'RunOptions' | 'ServerDef', message: object): Uint8Array {
  const type = root.lookupType(name);
  return type.encode(type.fromObject(message)).finish();
}

/** When one operation ran within a traced session call. */
export interface NodeTiming {
  device: string;
  node: string;
  /** Time from the operation's start to its end, in microseconds. */
  micros: number;
  label: string;
}

/** Reads what a traced session call recorded (RunMetadata). */
export function decodeNodeTimings(bytes: Uint8Array): NodeTiming[] {
  const message = root.lookupType('RunMetadata').decode(bytes) as unknown as {
    stepStats?: {
      devStats: {
        device: string;
        nodeStats: { nodeName: string; opStartRelMicros: number; opEndRelMicros: number; timelineLabel: string }[];
      }[];
    };
  };
  const timings: NodeTiming[] = [];
  for (const { device, nodeStats } of message.stepStats?.devStats ?? []) {
    for (const stats of nodeStats) {
      const micros = Number(stats.opEndRelMicros) - Number(stats.opStartRelMicros);
      timings.push({ device, node: stats.nodeName, micros, label: stats.timelineLabel });
    }
  }
  return timings;
}
