/** Gates that ask git whether all is committed: what a turn leaves uncommitted makes them fail. Pure. */
import type { TreeState } from "../../host/git/tree_state.ts";
import { type Gate, gateLine } from "../../task/gate.ts";
import { listed, uncommitted } from "../undelivered.ts";

const IN_ONE_COMMAND = "[^;&|\n]*";
const ASKS = new RegExp(
  String
    .raw`\bgit\b${IN_ONE_COMMAND}?\s(?:diff(?:-index|-files)?\s${IN_ONE_COMMAND}--(?:exit-code|quiet)\b` +
    String.raw`|status\s${IN_ONE_COMMAND}(?:--porcelain|--short|-s)\b)`,
);

/** As far as its command says; one that a script hides is not known. */
export const wantsAllCommitted = (gate: Gate): boolean => ASKS.test(gateLine(gate));

/**
 * What such gates, which fail, may fail for; undefined where all is committed, or it is not known. What a
 * person had not committed when the session began (`start`) is no agent's to commit.
 */
export function notAllCommitted(
  failing: readonly Gate[],
  { tree, start }: { tree: TreeState | undefined; start: TreeState | undefined },
): string | undefined {
  const names = [...new Set(failing.filter(wantsAllCommitted).map(({ name }) => `\`${name}\``))];
  if (names.length === 0 || !tree || tree.changed.size === 0) return undefined;
  const own = uncommitted(tree, { start }).files;
  const before = [...tree.changed.keys()].filter((file) => !own.includes(file));
  return [
    `${names.join(", ")} can only pass when all is committed`,
    ...own.length > 0 ? [`in no commit when it ran: ${listed(own)}`] : [],
    ...before.length > 0
      ? [`not committed since before the session, which is a person's to do: ${listed(before)}`]
      : [],
  ].join("; ");
}
