import assert from "node:assert/strict";
import { missingChoice } from "../../../src/loop/loss.ts";
import { OpenCodeError } from "../../../src/opencode/error.ts";

const client = {
  configuredModel: () => Promise.resolve<string | undefined>("p/m"),
  models: () => Promise.resolve(["p/m"]),
  agents: () => Promise.resolve(["build"]),
};
const model = { providerId: "p", modelId: "gone\x1b[2J" };

Deno.test("what an agent lacked that never started: its model, or the agent itself", async () => {
  assert.equal(await missingChoice(client, {}), undefined);
  assert.equal(await missingChoice(client, { agent: "build" }), undefined);
  assert.equal(await missingChoice(client, { model }), "Model not found: p/gone\\x1b[2J");
  assert.equal(await missingChoice(client, { agent: "plan" }), "Agent not found: plan");
  const configuredModel = () => Promise.resolve("p/x");
  assert.equal(await missingChoice({ ...client, configuredModel }, {}), "Model not found: p/x");
});

Deno.test("a server that does not say what it has leaves that unknown", async () => {
  const models = () => Promise.reject(new OpenCodeError("timeout", "no answer"));
  assert.equal(await missingChoice({ ...client, models }, { model }), undefined);
});
