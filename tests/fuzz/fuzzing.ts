/** One input for one target, where inputs come from, and what is kept of them. */
import * as path from "node:path";
import fc from "fast-check";
import type { Target } from "./targets.ts";

const CORPUS = path.join(import.meta.dirname ?? "", "corpus");
/** Far more than any takes, on a busy machine too: what grows faster than its input is found. */
const TIME_MS_MAX = 20_000;

/** Why the input breaks the target, in words; undefined when it does not. */
export async function whyBroken(
  { read, mayThrow }: Target,
  bytes: Uint8Array,
): Promise<string | undefined> {
  const startedAt = performance.now();
  try {
    structuredClone(await read(bytes));
  } catch (error) {
    if (!mayThrow(error)) {
      return error instanceof Error ? error.stack ?? error.message : String(error);
    }
  }
  const tookMs = performance.now() - startedAt;
  return tookMs > TIME_MS_MAX ? `it took ${Math.round(tookMs / 1000)} s` : undefined;
}

/** Seeds, and every input that once broke the target. */
export function corpusOf({ name }: Target): readonly { file: string; bytes: Uint8Array }[] {
  const folder = path.join(CORPUS, name);
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  return names.map((name) => path.join(folder, name))
    .map((file) => ({ file, bytes: Deno.readFileSync(file) }));
}

/** Keeps an input that breaks the target. Returns its path. */
export function keepInput({ name }: Target, bytes: Uint8Array): string {
  const found = path.join(CORPUS, name, `found-${Date.now()}`);
  Deno.writeFileSync(found, bytes);
  return found;
}

const piece = fc.oneof(
  fc.constantFrom(
    ...'{ } [ ] " , : \\ \n \r\n \0 # - * ` ~~~ ``` | é \ufeff \ud800 null true -1 1e999 __proto__'
      .split(" "),
    "### US-001: x\n",
    "- [x] ",
    "\n\n",
    '"passes": true',
    "data: ",
  ),
  fc.string({ unit: "binary", maxLength: 12 }),
).map((text) => new TextEncoder().encode(text));

const edits = fc.array(
  fc.record({
    at: fc.nat(),
    remove: fc.oneof(fc.nat(4), fc.nat(300)),
    insert: piece,
    times: fc.oneof({ weight: 9, arbitrary: fc.constant(1) }, fc.nat(3_000)),
  }),
  { maxLength: 6 },
);

/** A seed with some bytes in place of others, or what nobody wrote. */
export function inputs(target: Target): fc.Arbitrary<Uint8Array> {
  const seeds = corpusOf(target).map(({ bytes }) => bytes);
  const changed = fc.tuple(fc.constantFrom(...seeds), edits).map(([seed, edits]) => {
    let bytes: Uint8Array = seed;
    for (const { at, remove, insert, times } of edits) {
      const start = at % (bytes.length + 1);
      const parts = [
        bytes.subarray(0, start),
        ...Array(times).fill(insert),
        bytes.subarray(start + remove),
      ];
      bytes = joined(parts);
    }
    return bytes;
  });
  return fc.oneof({ weight: 9, arbitrary: changed }, fc.uint8Array({ maxLength: 200 }));
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
