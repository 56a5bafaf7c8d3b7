/** The protocol-buffer messages of a SavedModel, as far as they are read or written here; field numbers from TensorFlow's .proto files. */
import protobuf from 'protobufjs/light.js';

const field = (id: number, type: string) => ({ id, type });
const repeated = (id: number, type: string) => ({ id, type, rule: 'repeated' as const });
const map = (id: number, type: string) => ({ id, type, keyType: 'string' });

const root = protobuf.Root.fromJSON({
  nested: {
    // tensorflow/core/framework: graph.proto, versions.proto, node_def.proto
    GraphDef: { fields: { node: repeated(1, 'NodeDef'), versions: field(4, 'bytes') } },
    NodeDef: {
      fields: {
        name: field(1, 'string'),
        op: field(2, 'string'),
        input: repeated(3, 'string'),
        device: field(4, 'string'),
        // Of type AttrValue; left encoded, since most are only handed on.
        attr: map(5, 'bytes'),
      },
    },
    // attr_value.proto, tensor.proto, tensor_shape.proto
    AttrValue: { fields: { type: field(6, 'int32'), shape: field(7, 'TensorShape'), tensor: field(8, 'Tensor') } },
    Tensor: {
      fields: {
        dtype: field(1, 'int32'),
        shape: field(2, 'TensorShape'),
        content: field(4, 'bytes'),
        intValues: repeated(7, 'int32'),
      },
    },
    TensorShape: { fields: { dim: repeated(2, 'Dimension') } },
    Dimension: { fields: { size: field(1, 'int64') } },
    // tensorflow/core/protobuf: saved_model.proto, meta_graph.proto
    SavedModel: { fields: { schemaVersion: field(1, 'int64'), metaGraphs: repeated(2, 'MetaGraph') } },
    MetaGraph: {
      fields: {
        info: field(1, 'MetaInfo'),
        graph: field(2, 'GraphDef'),
        signatures: map(5, 'Signature'),
      },
    },
    MetaInfo: { fields: { tags: repeated(4, 'string'), tensorflowVersion: field(5, 'string') } },
    Signature: {
      fields: { inputs: map(1, 'TensorInfo'), outputs: map(2, 'TensorInfo'), methodName: field(3, 'string') },
    },
    TensorInfo: { fields: { name: field(1, 'string'), dtype: field(2, 'int32'), shape: field(3, 'TensorShape') } },
  },
});

export interface NodeDef {
  name: string;
  op: string;
  input: string[];
  attr: Record<string, Uint8Array>;
}

export interface GraphDef {
  node: NodeDef[];
  versions: Uint8Array;
}

export interface TensorShape {
  dim: { size: number }[];
}

export interface AttrValue {
  type?: number;
  shape?: TensorShape;
  tensor?: { dtype: number; shape: TensorShape; content?: Uint8Array; intValues?: number[] };
}

export interface TensorInfo {
  name: string;
  dtype: number;
  shape: TensorShape;
}

export interface SavedModel {
  schemaVersion: number;
  metaGraphs: {
    info: { tags: string[]; tensorflowVersion: string };
    graph: GraphDef;
    signatures: Record<
      string,
      { inputs: Record<string, TensorInfo>; outputs: Record<string, TensorInfo>; methodName: string }
    >;
  }[];
}

export const decodeGraph = (bytes: Uint8Array) => root.lookupType('GraphDef').decode(bytes) as unknown as GraphDef;
export const decodeAttribute = (bytes: Uint8Array) =>
  root.lookupType('AttrValue').decode(bytes) as unknown as AttrValue;
export const encodeAttribute = (value: AttrValue) => encode('AttrValue', value);
export const decodeSavedModel = (bytes: Uint8Array) =>
  root.lookupType('SavedModel').decode(bytes) as unknown as SavedModel;
export const encodeSavedModel = (value: SavedModel) => encode('SavedModel', value);

function encode(name: string, value: object): Uint8Array {
  const type = root.lookupType(name);
  return type.encode(type.fromObject(value)).finish();
}

/** A shape with −1 where a size is open. */
export const tensorShape = (sizes: readonly (number | null)[]): TensorShape => ({
  dim: sizes.map((size) => ({ size: size ?? -1 })),
});
