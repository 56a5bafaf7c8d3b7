/**
 * Names of files as text that goes back to their bytes: most systems allow any bytes, and UTF-8 is only usual. What is no UTF-8
 * becomes lone surrogates, byte by byte, as in Python (PEP 383).
 */

const ESCAPE = 0xdc00;
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function decodeName(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    // Byte by byte what does not go with the next ones.
    let text = '';
    for (let at = 0; at < bytes.length; ) {
      const length = [1, 2, 3, 4].find((length) => isText(bytes.subarray(at, at + length)));
      text += length
        ? strict.decode(bytes.subarray(at, at + length))
        : String.fromCharCode(ESCAPE + (bytes[at] as number));
      at += length ?? 1;
    }
    return text;
  }
}

function isText(bytes: Uint8Array): boolean {
  try {
    return strict.decode(bytes).length > 0;
  } catch {
    return false;
  }
}

export function encodeName(text: string): Uint8Array {
  const parts = text.split(/([\udc80-\udcff])/u);
  if (parts.length === 1) return Buffer.from(text);
  return Buffer.concat(parts.map((part, i) => (i % 2 ? Buffer.of(part.charCodeAt(0) - ESCAPE) : Buffer.from(part))));
}

/** For people: with a mark for what is no text. */
export const readableName = (text: string): string => Buffer.from(text).toString();
