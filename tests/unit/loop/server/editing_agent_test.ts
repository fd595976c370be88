import assert from "node:assert/strict";
import {
  agentAtWork,
  chooseAgent,
  editingAgent,
} from "../../../../src/loop/server/editing_agent.ts";
import { createClient } from "../../../../src/opencode/connect.ts";
import { OpenCodeError } from "../../../../src/opencode/error.ts";
import { createVirtualClock } from "../../../support/fake_clock.ts";
import { createFakeOpenCode } from "../../../support/fake_opencode.ts";

const { signal } = new AbortController();
const agent = (name: string, ...denied: readonly string[]) => ({
  ...{ name, mode: "primary", hidden: false },
  rules: denied.map((pattern) => ({ permission: "edit", pattern, action: "deny" })),
});
const build = agent("build");
const plan = agent("plan", "*");
const mine = agent("mine", "secrets/**");

const CASES: readonly [string, Parameters<typeof chooseAgent>[0], unknown][] = [
  ["the usual", { agents: [build, plan] }, { kind: "default", agent: "build" }],
  ["a default that edits", { agents: [build, mine], byDefault: "mine" }, {
    kind: "default",
    agent: "mine",
  }],
  [
    "a default that plans",
    { agents: [plan, build], byDefault: "plan" },
    { kind: "named", agent: "build", instead: "plan" },
  ],
  ["no build", { agents: [plan, mine], byDefault: "plan" }, { kind: "none", instead: "plan" }],
  [
    "a build that may not edit either",
    { agents: [plan, agent("build", "*")] },
    { kind: "none", instead: "build" },
  ],
  ["a default that is not there", { agents: [build], byDefault: "gone" }, {
    kind: "default",
    agent: "build",
  }],
  ["no agents at all", { agents: [] }, { kind: "default", agent: undefined }],
];

for (const [name, server, choice] of CASES) {
  Deno.test(`agent: ${name}`, () => assert.deepEqual(chooseAgent(server), choice));
}

Deno.test("the agent at work is the one that is named, or taken, with a model of its own", () => {
  const own = { ...build, model: "some/model" };
  const agents = [plan, own];
  assert.equal(agentAtWork({ agents, byDefault: "plan" }, undefined)?.model, "some/model");
  assert.equal(agentAtWork({ agents, byDefault: "plan" }, "plan"), plan);
  assert.equal(agentAtWork({ agents, byDefault: "plan" }, "gone"), undefined);
  assert.equal(agentAtWork({ agents: [plan] }, undefined), plan);
});

for (const version of ["1.18.33", "2.0.26"]) {
  Deno.test(`a server whose default agent plans is asked for build by name, and that is told once, ${version}`, async () => {
    const clock = createVirtualClock();
    const fake = createFakeOpenCode({ clock, version, defaultAgent: "plan" });
    const at = { url: fake.url, directory: "/p", clock, transport: fake.fetch };
    const client = createClient({ ...at, password: "secret" });
    const told: unknown[] = [];
    const agent = editingAgent({ client, emit: (event) => void told.push(event) }, {}, signal);
    await clock.run((async () => {
      assert.equal(await agent(), "build");
      assert.equal(await agent(), "build");
      const asked = editingAgent({ client, emit: () => assert.fail() }, { agent: "plan" }, signal);
      assert.equal(await asked(), "plan", "as the user says");
    })());
    const text = "the server's default agent `plan` may not edit files: `build` is asked for";
    assert.deepEqual(told, [{ type: "warning", text }]);
  });
}

for (const version of ["local", "2.0.12"]) {
  Deno.test(`a server that does not tell its default agent, which plans, gets build with each session, ${version}`, async () => {
    const clock = createVirtualClock();
    const fake = createFakeOpenCode({ clock, version, defaultAgent: "plan" });
    const client = createClient({ url: fake.url, directory: "/p", clock, transport: fake.fetch });
    const agents = await clock.run((async () => {
      const made = [await client.createSession({ title: "t" })];
      made.push(await client.createSession({ title: "u", agent: "plan" }));
      return await Promise.all(made.map(async ({ id }) => {
        const reply = await fake.fetch(new URL(`${fake.url}/api/session/${id}`));
        return (await reply.json()).data.agent;
      }));
    })());
    assert.deepEqual(agents, ["build", "plan"]);
  });
}

Deno.test("a server that does not say leaves the choice to itself, and is asked again", async () => {
  let asked = 0;
  const agentChoice = () => {
    if (asked++ === 0) return Promise.reject(new OpenCodeError("timeout", "no answer"));
    return Promise.resolve({ agents: [plan, build], byDefault: "plan" });
  };
  const agent = editingAgent({ client: { agentChoice }, emit: () => {} }, {}, signal);
  assert.deepEqual([await agent(), await agent()], [undefined, "build"]);
});
