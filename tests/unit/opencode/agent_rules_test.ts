import assert from "node:assert/strict";
import { denialsOf, mayEdit, onlyLooks, readingRules } from "../../../src/opencode/agent_rules.ts";
import type { Agent, Rule } from "../../../src/opencode/model.ts";

const rule = (words: string): Rule => {
  const [action, permission, pattern] = words.split("|");
  return { permission, pattern, action };
};

const agent = (name: string, rules: readonly string[], facts: Partial<Agent> = {}): Agent => ({
  name,
  mode: "primary",
  hidden: false,
  rules: ["deny|question|*", "allow|question|*", ...rules].map(rule),
  ...facts,
});

Deno.test("what is denied is listed, with the agent's name where it is not denied to all", () => {
  const common = ["allow|*|*", "deny|bash|git push*", "deny|webfetch|*"];
  assert.deepEqual(
    denialsOf([
      agent("build", common),
      agent("plan", [...common, "deny|edit|*"]),
      agent("title", ["deny|*|*"], { hidden: true }),
      agent("general", ["deny|todowrite|*"], { mode: "subagent" }),
    ]),
    { inForce: ["bash git push*", "webfetch", "edit (agent plan)"], overruled: [] },
  );
});

Deno.test("a denial that a later rule allows, or asks for, is not in force", () => {
  const rules = ["deny|bash|rm*", "deny|edit|a/**", "deny|read|x", "ask|bash|*", "allow|edit|b/**"];
  assert.deepEqual(denialsOf([agent("build", rules)]), {
    inForce: ["edit a/**", "read x"],
    overruled: ["bash rm*"],
  });
  assert.deepEqual(denialsOf([agent("build", [...rules, "allow|*|*"])]), {
    inForce: [],
    overruled: ["bash rm*", "edit a/**", "read x"],
  });
});

Deno.test("an agent may edit unless all files are denied to it, its plans aside", () => {
  const cases: readonly [rules: readonly string[], may: boolean][] = [
    [[], true],
    [["allow|*|*", "deny|edit|secrets/**"], true],
    [["allow|*|*", "ask|edit|*"], true],
    [["allow|*|*", "deny|edit|*", "allow|edit|.opencode/plans/*.md"], false],
    [["allow|*|*", "deny|edit|**"], false],
    [["deny|*|*"], false],
    [["deny|*|*", "allow|edit|src/**"], true],
    [["deny|edit|*", "allow|*|*"], true],
  ];
  for (const [rules, may] of cases) {
    assert.equal(mayEdit(agent("build", rules)), may, rules.join());
  }
});

Deno.test("a session that only reads keeps of its agent's rules those of reading", () => {
  const own = [
    "allow|*|*",
    "ask|read|*.env",
    "deny|grep|secret/**",
    "ask|external_directory|*",
    "deny|edit|a/**",
  ].map(rule);
  const rules = readingRules(own, { hidden: ["*progress.txt"] }).map((
    { permission, pattern, action },
  ) => `${action}|${permission}|${pattern}`);
  assert.deepEqual(rules, [
    "deny|*|*",
    "allow|read|*",
    "deny|read|*.env",
    "allow|glob|*",
    "allow|grep|*",
    "deny|grep|secret/**",
    "allow|list|*",
    "deny|read|*progress.txt",
  ]);
  assert(onlyLooks(readingRules(own, { hidden: ["*progress.txt"] })));
  assert(onlyLooks(readingRules([], { hidden: [] })));
  assert.deepEqual(readingRules([], { hidden: [] }).map(({ action }) => action), ["deny"]);
});

Deno.test("who only looks is told by the rules that count", () => {
  const explore = ["allow|*|*", "deny|*|*", "allow|grep|*", "allow|webfetch|*", "deny|task|*"];
  assert(onlyLooks(explore.map(rule)));
  const others = [
    [],
    ["allow|*|*", "deny|edit|*"],
    [...explore, "allow|edit|docs/**"],
    [...explore, "allow|some_tool|*"],
    [...explore, "ask|bash|*"],
    [...explore, "allow|*|*"],
  ];
  for (const rules of others) assert(!onlyLooks(rules.map(rule)), rules.join());
});
