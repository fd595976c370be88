import assert from "node:assert/strict";
import { TESTED } from "./install.ts";
import { startServer } from "./opencode_server.ts";
import { makeProject } from "./project.ts";
import {
  call,
  cutOff,
  hang,
  hangBeforeHeaders,
  httpError,
  malformed,
  reset,
  say,
  type ScriptedModel,
  slow,
  startModel,
  think,
} from "./scripted_model.ts";
import { runTurn } from "./turn.ts";
import { until } from "./wait.ts";

for (const version of TESTED) {
  Deno.test(`OpenCode ${version} understands the scripted model`, async (t) => {
    await using model = await startModel(() => say("unused"));
    await using server = await startServer({ version, model });
    await using project = await makeProject();
    const turn = (prompt: string) => runTurn(server, { directory: project.root, prompt });

    await t.step("a text, with its usage", async () => {
      model.setScript(() => say("hello", { finish: "length" }));
      const { text, info } = await turn("hi");
      assert.equal(text, "hello");
      assert.equal(info.finish, "length");
      assert.equal(info.tokens.input, 800);
      assert.deepEqual(info.tokens.cache, { read: 200, write: 0 });
      assert.ok(info.cost > 0);
    });

    await t.step("a usage of one's own", async () => {
      const usage = { prompt: 7, cached: 0, completion: 3, reasoning: 0 };
      model.setScript(() => ({ ...say("hello"), usage }));
      const { info } = await turn("hi");
      assert.equal(info.tokens.input, 7);
      assert.equal(info.tokens.output, 3);
    });

    await t.step("thinking", async () => {
      model.setScript(() => think("let me see", "seen"));
      const { text, reasoning } = await turn("think");
      assert.equal(text, "seen");
      assert.equal(reasoning, "let me see");
    });

    await t.step("tool calls, their results and their count", async () => {
      const before = model.requests.length;
      model.setScript(({ step, toolOutputs, lastToolOutput }) =>
        step === 0
          ? call(
            { name: "bash", input: { command: "echo one", description: "One" } },
            { name: "bash", input: { command: "echo two", description: "Two" } },
          )
          : say(`${toolOutputs[0].trim()}, then ${lastToolOutput.trim()}`)
      );
      assert.equal((await turn("do it")).text, "one, then two");
      const seen = model.requests.slice(before);
      assert.deepEqual(seen.map(({ step }) => step), [0, 2]);
      assert.deepEqual(seen.map(({ prompt }) => prompt), ["do it", "do it"]);
      assert.ok(seen[0].tools.includes("bash"));
      assert.ok(!seen[0].signal.aborted);
    });

    await t.step("a sub-agent, which is told apart", async () => {
      const before = model.requests.length;
      const input = { description: "Sub", prompt: "for the child", subagent_type: "general" };
      model.setScript((request) => {
        if (request.isSubagent) return say("from the child");
        return request.step === 0 ? call({ name: "task", input }) : say(request.lastToolOutput);
      });
      assert.match((await turn("delegate")).text, /from the child/);
      assert.deepEqual(
        model.requests.slice(before).map(({ prompt, isSubagent }) => [prompt, isSubagent]),
        [["delegate", false], ["for the child", true], ["delegate", false]],
      );
    });

    await t.step("a refusal of the provider", async () => {
      model.setScript(() => httpError(401, { error: { message: "bad key" } }));
      const { info } = await turn("hi");
      assert.equal(info.error?.name, "APIError");
      assert.match(info.error?.data.message ?? "", /bad key/);
    });

    await t.step("a chunk that is not JSON", async () => {
      model.setScript(() => malformed());
      assert.equal((await turn("hi")).info.error?.name, "UnknownError");
    });

    await t.step("an end without a reason, after which OpenCode asks again", async () => {
      const before = model.requests.length;
      model.setScript(() => model.requests.length === before + 1 ? cutOff() : say("whole"));
      assert.equal((await turn("hi")).text, "whole");
      assert.equal(model.requests.length, before + 2);
    });

    await t.step("a connection that breaks, after which OpenCode tries again", async () => {
      const before = model.requests.length;
      model.setScript(() => model.requests.length === before + 1 ? reset() : say("whole"));
      assert.match((await turn("hi")).text, /whole$/);
      assert.equal(model.requests.length, before + 2);
    });

    for (const silent of [hang, hangBeforeHeaders]) {
      await t.step(`${silent.name} lasts until the server goes away`, async () => {
        const before = model.requests.length;
        model.setScript(() => silent());
        const lost = turn("hi").then(() => "answered", () => "lost");
        const request = await until(() => model.requests[before], { what: "the request" });
        assert.ok(!request.signal.aborted);
        await server.kill();
        await until(() => request.signal.aborted, { what: "the model to notice" });
        assert.equal(await lost, "lost");
        await server.start();
      });
    }
  });
}

Deno.test("slow sends its pieces one by one", async () => {
  await using model = await startModel(() => slow({ chunks: 3, everyMs: 20 }));
  const began = performance.now();
  const text = await (await ask(model)).text();
  assert.ok(performance.now() - began >= 60);
  assert.deepEqual(text.match(/piece \d/g), ["piece 1", "piece 2", "piece 3"]);
});

Deno.test("a client that goes away aborts the signal of its request", async () => {
  await using model = await startModel(() => hang());
  const response = await ask(model);
  assert.ok(!model.requests[0].signal.aborted);
  await response.body?.cancel();
  await until(() => model.requests[0].signal.aborted, { what: "the signal" });
});

Deno.test("calls without tools never reach the script", async () => {
  await using model = await startModel(() => say("from the script"));
  const text = await (await ask(model, { tools: [] })).text();
  assert.doesNotMatch(text, /from the script/);
  assert.equal(model.requests.length, 0);
});

Deno.test("what a script throws comes out at the end", async () => {
  const model = await startModel(() => {
    throw new Error("assertion in a script");
  });
  const response = await ask(model);
  assert.equal(response.status, 400);
  await response.body?.cancel();
  await assert.rejects(async () => await model[Symbol.asyncDispose](), /assertion in a script/);
});

function ask(
  model: ScriptedModel,
  { tools }: { tools: readonly unknown[] } = { tools: [{ function: { name: "bash" } }] },
): Promise<Response> {
  const body = { model: "ok", messages: [{ role: "user", content: "hi" }], tools };
  return fetch(`${model.url}/chat/completions`, { method: "POST", body: JSON.stringify(body) });
}
