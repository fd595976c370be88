import * as path from "node:path";
import { textOf } from "../host/files/read_file.ts";
import { systemTree } from "../host/files/system_tree.ts";
import { suggestGates } from "../verify/gates/suggest_gates.ts";

/** Each is a program and its arguments. */
export type Checks = readonly (readonly string[])[];

/** The project's own checks; undefined where none are known. */
export function projectChecks(root: string): Checks | undefined {
  const found = suggestGates({
    names: systemTree.list(root),
    text: (name) => textOf(path.join(root, name)),
  });
  return found === undefined ? undefined : (JSON.parse(found) as { verify: Checks }).verify;
}
