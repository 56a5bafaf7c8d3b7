/**
 * Event files as TensorBoard reads them: records (TFRecord: length, masked CRC-32C, bytes, masked CRC-32C) of the protocol buffers Event and Summary.
 * Sources: tensorflow/core/lib/io/record_writer.cc, tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { appendWhole, makeFolder } from '@refconv/files';
import crc32c from 'crc-32/crc32c.js';
import { Writer } from 'protobufjs/minimal.js';

/** The mask of TFRecord, against checksums of what holds checksums. */
const MASK_DELTA = 0xa282ead8;

function maskedChecksum(bytes: Uint8Array): number {
  const checksum = crc32c.buf(bytes) >>> 0;
  return (((checksum >>> 15) | (checksum << 17)) + MASK_DELTA) >>> 0;
}

function record(bytes: Uint8Array): Uint8Array {
  const framed = Buffer.alloc(bytes.length + 16);
  framed.writeBigUInt64LE(BigInt(bytes.length), 0);
  framed.writeUInt32LE(maskedChecksum(framed.subarray(0, 8)), 8);
  framed.set(bytes, 12);
  framed.writeUInt32LE(maskedChecksum(bytes), 12 + bytes.length);
  return framed;
}

/** The key of a field: its number, and how its value is written. */
const key = (field: number, wire: 'varint' | 'double' | 'bytes' | 'float') =>
  (field << 3) | { varint: 0, double: 1, bytes: 2, float: 5 }[wire];

const DT_STRING = 7;

/** Event: wall_time = 1, step = 2, file_version = 3, summary = 5. */
function event(step: number): Writer {
  const writer = Writer.create()
    .uint32(key(1, 'double'))
    .double(Date.now() / 1000);
  return step === 0 ? writer : writer.uint32(key(2, 'varint')).int64(step);
}

/** Summary: value = 1, of which tag = 1. */
function summary(step: number, tag: string, write: (value: Writer) => void): Uint8Array {
  const writer = event(step).uint32(key(5, 'bytes')).fork().uint32(key(1, 'bytes')).fork();
  write(writer.uint32(key(1, 'bytes')).string(tag));
  return writer.ldelim().ldelim().finish();
}

/** Of the header, IHDR, which stands first in every PNG. */
function pngSize(png: Uint8Array): { height: number; width: number } {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  if (png.length < 24 || view.getUint32(0) !== 0x89504e47) throw new Error('A picture for TensorBoard must be a PNG.');
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/**
 * Writes one event file into a folder; of several in one folder TensorBoard shows the whole.
 * @example
 * ```ts
 * const writer = new TensorBoardWriter('runs/baseline/tensorboard');
 * await writer.scalars(390, { 'loss/train': 1.2, 'top1/test': 0.61 });
 * ```
 */
export class TensorBoardWriter {
  private readonly path: string;
  private begun = false;

  /** @param now for tests: seconds since 1970, which the file's name has. */
  constructor(
    private readonly folder: string,
    now = Date.now() / 1000,
  ) {
    const name = `events.out.tfevents.${Math.floor(now)}.${hostname()}.${process.pid}.v2`;
    this.path = join(folder, name);
  }

  private async append(events: readonly Uint8Array[]): Promise<void> {
    if (!this.begun) {
      await makeFolder(this.folder);
      events = [event(0).uint32(key(3, 'bytes')).string('brain.Event:2').finish(), ...events];
      this.begun = true;
    }
    await appendWhole(this.path, Buffer.concat(events.map(record)));
  }

  /** Numbers by their tags, such as `loss/train`. */
  async scalars(step: number, values: Readonly<Record<string, number>>): Promise<void> {
    const events = Object.entries(values).map(([tag, value]) =>
      summary(step, tag, (writer) => writer.uint32(key(2, 'float')).float(value)),
    );
    await this.append(events);
  }

  /** A text in Markdown. */
  async text(step: number, tag: string, text: string): Promise<void> {
    // tensor = 8 { dtype = 1, shape = 2 { dim = 2 { size = 1 } }, string_val = 8 }, metadata = 9 { plugin_data = 1 { plugin_name = 1 } }
    const made = summary(step, tag, (writer) => {
      writer.uint32(key(8, 'bytes')).fork().uint32(key(1, 'varint')).int32(DT_STRING);
      writer.uint32(key(2, 'bytes')).fork().uint32(key(2, 'bytes')).fork().uint32(key(1, 'varint')).int64(1);
      writer.ldelim().ldelim().uint32(key(8, 'bytes')).string(text).ldelim();
      writer.uint32(key(9, 'bytes')).fork().uint32(key(1, 'bytes')).fork().uint32(key(1, 'bytes')).string('text');
      writer.ldelim().ldelim();
    });
    await this.append([made]);
  }

  /** A picture. @param png its file's bytes. @throws Error where they are no PNG. */
  async image(step: number, tag: string, png: Uint8Array): Promise<void> {
    const { height, width } = pngSize(png);
    // image = 4 { height = 1, width = 2, colorspace = 3 (RGB is 3), encoded_image_string = 4 }
    const made = summary(step, tag, (writer) => {
      writer.uint32(key(4, 'bytes')).fork();
      writer.uint32(key(1, 'varint')).int32(height).uint32(key(2, 'varint')).int32(width);
      writer.uint32(key(3, 'varint')).int32(3).uint32(key(4, 'bytes')).bytes(png).ldelim();
    });
    await this.append([made]);
  }
}
