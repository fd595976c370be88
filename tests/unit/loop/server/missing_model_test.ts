import assert from "node:assert/strict";
import { lacksTools, missingModel } from "../../../../src/loop/server/missing_model.ts";
import { OpenCodeError } from "../../../../src/opencode/error.ts";

const client = {
  configuredModel: () => Promise.resolve<string | undefined>("p/m"),
  models: () => Promise.resolve(["p/m"]),
  agents: () => Promise.resolve(["build"]),
};
const model = { providerId: "p", modelId: "gone\x1b[2J" };

Deno.test("what an agent lacked that never started: its model, or the agent itself", async () => {
  assert.equal(await missingModel(client, {}), undefined);
  assert.equal(await missingModel(client, { agent: "build" }), undefined);
  assert.deepEqual(await missingModel(client, { model }), {
    what: "model",
    words: "Model not found: p/gone\\x1b[2J",
  });
  assert.deepEqual(await missingModel(client, { agent: "plan" }), {
    what: "agent",
    words: "Agent not found: plan",
  });
  const models = () => Promise.resolve([]);
  const nothing = { ...client, models, configuredModel: () => Promise.resolve(undefined) };
  assert.deepEqual(await missingModel(nothing, {}), {
    what: "provider",
    words: "the server has no model that can be used",
  });
  const configuredModel = () => Promise.resolve("p/x");
  assert.deepEqual(await missingModel({ ...client, configuredModel }, {}), {
    what: "model",
    words: "Model not found: p/x",
  });
});

Deno.test("a server that does not say what it has leaves that unknown", async () => {
  const models = () => Promise.reject(new OpenCodeError("timeout", "no answer"));
  assert.equal(await missingModel({ ...client, models }, { model }), undefined);
});

Deno.test("a model without tools is known by the server's record, where there is one", async () => {
  const modelsWithoutTools = () => Promise.resolve(["p/m"]);
  const asked = { ...client, modelsWithoutTools };
  assert.equal(await lacksTools(asked, {}), true);
  assert.equal(await lacksTools(asked, { model: { providerId: "p", modelId: "x" } }), false);
  const down = () => Promise.reject(new OpenCodeError("timeout", "no answer"));
  assert.equal(await lacksTools({ ...asked, modelsWithoutTools: down }, {}), false);
});
