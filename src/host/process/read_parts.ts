/** Reading a pipe part by part, which may end long after its process, or never. */

interface PartReading {
  /** Resolves when the stream has ended, or was closed. */
  readonly ended: Promise<void>;
  /** Nothing more is read. */
  close(): Promise<void>;
}

export function readParts(
  stream: ReadableStream<Uint8Array>,
  onPart: (part: Uint8Array) => void,
): PartReading {
  const reader = stream.getReader();
  const read = async () => {
    for (let part = await reader.read(); !part.done; part = await reader.read()) onPart(part.value);
  };
  return { ended: read(), close: () => reader.cancel() };
}
