/** What the rules of the server's agents deny and leave to them. Pure. */
import type { Agent, Rule } from "./model.ts";

export interface Denials {
  /** `bash git push*`, with the agent's name where it is not denied to all; foreign text. */
  readonly inForce: readonly string[];
  /** The same that a later rule allows again: the last that matches wins. */
  readonly overruled: readonly string[];
}

/** Denied by OpenCode itself, and allowed again for those who may ask: no rule of the user's. */
const OF_OPENCODE = ["question", "plan_enter", "plan_exit"];

/** `plan` may write its plans, and nothing else (1.1.53, 1.18.33, measured). */
const PLANS = /(?:^|\/)plans\/\*\.md$/;

/** Whether it can be given a prompt. */
export function takesPrompts({ mode, hidden }: Agent): boolean {
  return mode !== "subagent" && !hidden;
}

/** Whether its rules let it change any file of the project. */
export function mayEdit({ rules }: Agent): boolean {
  const ofEdits = rules.filter(({ permission, pattern }) =>
    covers(permission, "edit") && !PLANS.test(pattern)
  );
  const ofAll = ofEdits.findLastIndex(({ pattern }) => covers(pattern, "*"));
  return ofEdits[ofAll]?.action !== "deny" ||
    ofEdits.slice(ofAll + 1).some(({ action }) => action !== "deny");
}

/** The denials of the agents that can be given a prompt. `*` stands for any text. */
export function denialsOf(agents: readonly Agent[]): Denials {
  const primary = agents.filter(takesPrompts);
  const words = (overruled: boolean) => {
    const holders = new Map<string, string[]>();
    for (const { name, rules } of primary) {
      for (const call of deniedBy(rules, { overruled })) {
        holders.set(call, [...holders.get(call) ?? [], name]);
      }
    }
    return [...holders].map(([call, names]) =>
      names.length === primary.length ? call : `${call} (agent ${names.join(", ")})`
    );
  };
  return { inForce: words(false), overruled: words(true) };
}

function deniedBy(rules: readonly Rule[], { overruled }: { overruled: boolean }): Set<string> {
  const denials = rules.flatMap((rule, at) => {
    if (rule.action !== "deny" || OF_OPENCODE.includes(rule.permission)) return [];
    const isOverruled = rules.slice(at + 1).some((later) =>
      later.action !== "deny" && covers(later.permission, rule.permission) &&
      covers(later.pattern, rule.pattern)
    );
    if (isOverruled !== overruled) return [];
    return [rule.pattern === "*" ? rule.permission : `${rule.permission} ${rule.pattern}`];
  });
  return new Set(denials);
}

/** Whether `wide` matches all that `narrow` does, as far as their texts tell. */
function covers(wide: string, narrow: string): boolean {
  const parts = wide.split("*").map((part) => part.replace(/[.+^${}()|[\]\\?]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(narrow);
}

/** What an agent reads the project with, in either generation. */
export const READING: readonly string[] = ["read", "glob", "grep", "list"];

/**
 * The rules for a session that can read the project and do nothing else, to come after those of its agent:
 * all is denied, and of reading what the agent's own rules allow is left. What they ask a person is denied,
 * and so are files that are `hidden`.
 */
export function readingRules(
  own: readonly Rule[],
  { hidden }: { hidden: readonly string[] },
): readonly Rule[] {
  return [
    { permission: "*", pattern: "*", action: "deny" },
    ...READING.flatMap((permission) =>
      own.filter((rule) => covers(rule.permission, permission)).map(({ pattern, action }) => ({
        permission,
        pattern,
        action: action === "allow" ? "allow" : "deny",
      }))
    ),
    ...hidden.map((pattern) => ({ permission: "read", pattern, action: "deny" })),
  ];
}

/** What `explore`, the agent of OpenCode 2 that only looks, may do beside reading. */
const LOOKING = [...READING, "webfetch", "websearch", "external_directory"];

/** Whether these, the last of those that count, leave nothing but looking. */
export function onlyLooks(rules: readonly Rule[]): boolean {
  const ofAll = rules.findLastIndex(({ permission, pattern }) =>
    permission === "*" && pattern === "*"
  );
  return rules[ofAll]?.action === "deny" &&
    rules.slice(ofAll + 1).every(({ permission, action }) =>
      action === "deny" || LOOKING.includes(permission)
    );
}
