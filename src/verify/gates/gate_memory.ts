/** Which gates have passed in a session, and which on the work tree as it is now. */
import type { TreeState } from "../../host/git/tree_state.ts";
import { type Gate, gateKey } from "../../task/gate.ts";
import { brokenGates } from "../claims.ts";
import type { GateResult } from "./gates.ts";

export interface GateMemory {
  /** `tree`: what they ran on; undefined when git could not say. */
  remember(results: readonly GateResult[], tree: TreeState | undefined): void;
  /** What it passed on last; undefined when that is not known, or was with an earlier worker. */
  passedOn(gate: Gate): TreeState | undefined;
  /** Names of those that fail, and passed before. */
  broken(results: readonly GateResult[]): readonly string[];
  /** Whether each of them has passed since the tree was last changed. */
  areFresh(gates: readonly Gate[]): boolean;
  /** To be called when the tree may have changed. */
  treeChanged(): void;
}

/** `passedBefore`: names of gates that passed before in this session. */
export function createGateMemory(passedBefore: Iterable<string>): GateMemory {
  const passed = new Set(passedBefore);
  const fresh = new Set<string>();
  const passedOn = new Map<string, TreeState>();
  return {
    remember(results, tree) {
      for (const { gate, passed: didPass } of results) {
        if (!didPass) continue;
        passed.add(gate.name);
        fresh.add(gateKey(gate));
        if (tree) passedOn.set(gateKey(gate), tree);
      }
    },
    passedOn: (gate) => passedOn.get(gateKey(gate)),
    broken: (results) => brokenGates(results, passed),
    areFresh: (gates) => gates.every((gate) => fresh.has(gateKey(gate))),
    treeChanged: () => fresh.clear(),
  };
}
