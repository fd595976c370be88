/** What a check is, and what it can say. A failure without a remedy does not compile. */
import type { Hint } from "../error.ts";
import type { Probes } from "./probes.ts";

export const GROUPS = ["Host", "Service", "Server", "Store", "Project"] as const;
type Group = typeof GROUPS[number];

/** `command` can be pasted into a shell as it is, with every name, port and path filled in. */
export type Remedy = Hint;

export type Verdict =
  | { level: "ok"; found: string }
  | { level: "warn"; found: string; because: string; remedy: readonly Remedy[] }
  | { level: "fail"; found: string; because: string; remedy: readonly [Remedy, ...Remedy[]] }
  /** It is not known, or does not apply here. */
  | { level: "skip"; because: string };

export type Level = Verdict["level"];

export interface Check {
  /** Stable: scripts name it. */
  id: string;
  group: Group;
  /** What is true when it passes. */
  title: string;
  /** Skipped, with the reason, unless these are fine. */
  needs?: readonly string[];
  /** Runs after these, whatever they found, and may look at what they did. */
  after?: readonly string[];
  /** How long it may take. Default: `CHECK_MS`. */
  timeoutMs?: number;
  run(probes: Probes, context: CheckContext): Verdict | Promise<Verdict>;
}

interface CheckContext {
  /** The level of a check that this one names in `needs` or `after`; undefined when it was not run. */
  levelOf(id: string): Level | undefined;
}

export const ok = (found: string): Verdict => ({ level: "ok", found });

export const skip = (because: string): Verdict => ({ level: "skip", because });

export const warn = (found: string, because: string, ...remedy: readonly Remedy[]): Verdict => ({
  level: "warn",
  found,
  because,
  remedy,
});

export const fail = (
  found: string,
  because: string,
  ...remedy: readonly [Remedy, ...Remedy[]]
): Verdict => ({ level: "fail", found, because, remedy });

/** Why a check of the project is skipped. */
export const NO_PROJECT = "this folder is not in a git repository";
