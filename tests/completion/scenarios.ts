/** All scenarios. */
import type { Scenario } from "./scenario.ts";
import { gates } from "./scenarios/gates.ts";
import { git } from "./scenarios/git.ts";
import { loop } from "./scenarios/loop.ts";
import { model } from "./scenarios/model.ts";
import { outOfReach } from "./scenarios/out_of_reach.ts";
import { prd } from "./scenarios/prd.ts";
import { promise } from "./scenarios/promise.ts";
import { promptOnly } from "./scenarios/prompt_only.ts";

export const SCENARIOS: readonly Scenario[] = [
  ...promise,
  ...prd,
  ...gates,
  ...git,
  ...model,
  ...loop,
  ...promptOnly,
  ...outOfReach,
];

/** A few, for `deno task test`; all the others are for `test:all`. */
export const FEW: readonly string[] = [
  "promise-negated",
  "gate-fails-at-first",
  "failing-test-deleted",
  "forgets-to-tick",
];
