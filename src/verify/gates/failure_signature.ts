/** Telling whether gates failed in the same way as before. */
import { createHash } from "node:crypto";
import { gateKey } from "../../task/gate.ts";
import { speaksOfFailure, summaryOf } from "./gate_output.ts";
import type { GateResult } from "./gates.ts";

/** What differs from run to run though nothing else does, and what stands for it. */
const VOLATILE: readonly [RegExp, string][] = [
  [/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, "<uuid>"],
  [/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?/g, "<time>"],
  [/(?<![\w:])\d\d?:\d\d:\d\d(?:[.,]\d+)?\b/g, "<time>"],
  [
    /(?<![\w.])(?:\d+(?:\.\d+)?\s?(?:[nuµμm]?s|sec(?:ond)?s?|m|min(?:ute)?s?|h)\s?)+(?!\w)/g,
    "<duration>",
  ],
  // `duration_ms: 1.2`, `# duration_ms 408.7` (node:test), `time="0.04"` (JUnit)
  [
    /\b((?:duration|time|elapsed)(?:_?(?:ms|ns|us|s|secs?|seconds))?["']?[ :=]+["']?)\d+(?:\.\d+)?/gi,
    "$1<duration>",
  ],
  [/\b0x[0-9a-f]+/gi, "<address>"],
  [/\b(?=[a-f]*\d)[0-9a-f]{12,}\b/gi, "<hash>"],
  [/\/(?:var\/)?tmp\/[^/\s:'"`)]+|\/var\/folders\/[^/]+\/[^/]+\/T\/[^/\s:'"`)]+/g, "<temp>"],
  [/\b(pid|process|node|thread|seed)([ =:#]+)\d+/gi, "$1$2<number>"],
  [/\bthread '([^']*)' \(\d+\)/g, "thread '$1'"],
  [/(\b127\.0\.0\.1|\b0\.0\.0\.0|\blocalhost|\[::1?\]):\d+/g, "$1:<port>"],
];

/**
 * A text that is the same for the same failure of the same gates; empty when none failed. It is made
 * of the lines that speak of failure, in any order, since runners work in parallel, and of the
 * summary. Counts and line numbers make a difference: they are how progress shows.
 */
export function failureSignature(results: readonly GateResult[]): string {
  const failures = results.filter(({ passed }) => !passed).map(({ gate, why, output }) => {
    const lines = output.split("\n");
    const telling = new Set([...lines.filter(speaksOfFailure), ...summaryOf(lines)].map(steady));
    return [gateKey(gate), why, ...[...telling].sort()].join("\n");
  });
  if (failures.length === 0) return "";
  return createHash("sha256").update(failures.sort().join("\n\n")).digest("hex");
}

/** The line without what differs from run to run. */
export function steady(line: string): string {
  return VOLATILE.reduce((text, [pattern, name]) => text.replaceAll(pattern, name), line);
}
