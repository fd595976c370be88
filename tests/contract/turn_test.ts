/** How turns end by themselves, and what they are counted for. */
import assert from "node:assert/strict";
import { call, cutOff, httpError, malformed, say, think } from "../support/scripted_model.ts";
import { onEachVersion } from "./world.ts";

const bash = (command: string) => ({ name: "bash", input: { command, description: "Run it" } });

onEachVersion("turns", async (t, world) => {
  const { model, version } = world;
  const old = version === "1.1.53";

  await t.step("a good end has its text, its finish and its usage", async () => {
    model.setScript(() => say("all done"));
    const { end, usage, answers, activities } = await world.turn();
    assert.deepEqual(end, { kind: "finished", finish: "stop", error: undefined, text: "all done" });
    assert.deepEqual(answers, []);
    // A server that takes its time is told in between.
    const told = activities.filter(({ text }) => !text.startsWith("waiting for server: "));
    assert.deepEqual(told[0], { kind: "working", text: "agent working" });
    assert.equal(new Set(told.map(({ text }) => text)).size, 1);
    assert.equal(usage.complete, true);
    assert.equal(usage.modelCalls, 1);
    assert.deepEqual(
      [usage.inputTokens, usage.outputTokens, usage.reasoningTokens],
      [800, 40, 10],
    );
    assert.deepEqual([usage.cacheReadTokens, usage.cacheWriteTokens], [200, 0]);
    // 1.1.53 counts the reasoning tokens as output too, and so twice in what it quotes.
    const expected = (800 * 3 + (old ? 60 : 50) * 15 + 200 * 0.3) / 1e6;
    assert.ok(Math.abs(usage.costUsd - expected) < 1e-9, `${usage.costUsd}`);
  });

  await t.step("each model call is counted, and tools are run in the project", async () => {
    model.setScript(({ step }) => step === 0 ? call(bash("echo made > made.txt")) : say("wrote"));
    const { end, usage, events } = await world.turn();
    assert.equal(end.kind === "finished" && end.text, "wrote");
    assert.equal(usage.modelCalls, 2);
    assert.equal(usage.inputTokens, 1600);
    assert.equal(await world.project.read("made.txt"), "made\n");
    const tools = events.filter((event) => event.type === "tool");
    assert.equal(tools.at(-1)?.status, "completed");
    assert.deepEqual(tools.at(-1)?.input.command, "echo made > made.txt");
  });

  await t.step("the text grows in the events, and comes whole at the end of its part", async () => {
    model.setScript(() => say("grown"));
    const { events } = await world.turn({ prompt: "not to be told" });
    const texts = events.filter((event) => event.type === "text");
    assert.deepEqual(texts.map(({ delta }) => delta ?? "").join(""), "grown");
    assert.deepEqual(texts.filter(({ done }) => done).map(({ text }) => text), ["grown"]);
  });

  await t.step("thinking is told as such, and is not text", async () => {
    model.setScript(() => think("<promise>COMPLETE</promise>", "visible"));
    const { end, events } = await world.turn({
      model: { providerId: "fake", modelId: "thinking" },
    });
    assert.equal(end.kind === "finished" && end.text, "visible");
    const thought = events.filter((event) => event.type === "text" && event.kind === "reasoning");
    assert.ok(thought.some((event) => event.type === "text" && event.delta?.includes("COMPLETE")));
  });

  await t.step("an answer cut at the output limit says so", async () => {
    model.setScript(() => say("half a sen", { finish: "length" }));
    const { end } = await world.turn();
    assert.equal(end.kind === "finished" && end.finish, "length");
  });

  await t.step("an answer ended by a content filter says so", async () => {
    model.setScript(() => say("we can not", { finish: "content_filter" }));
    const { end } = await world.turn();
    assert.equal(end.kind, "finished");
    const said = end.kind === "finished" && (end.error?.name ?? end.finish);
    assert.equal(said, old ? "content-filter" : "ContentFilterError");
  });

  await t.step("an empty answer is an end without text", async () => {
    model.setScript(() => say(""));
    const { end } = await world.turn();
    assert.deepEqual(end, { kind: "finished", finish: "stop", error: undefined, text: "" });
  });

  await t.step("a model that breaks off again and again is ended by the guard", async () => {
    model.setScript(() => cutOff());
    const { end, usage } = await world.turn({ limits: { unknownFinishes: 3 } });
    assert.equal(end.kind === "timeout" && end.limit, "unknown_finishes");
    assert.equal(end.kind === "timeout" && end.confirmed, true);
    assert.ok(usage.modelCalls >= 3, `${usage.modelCalls} model calls`);
    assert.equal((await world.client.busy()).size, 0);
  });

  await t.step("a turn of too many model calls is ended", async () => {
    model.setScript(({ step }) => call(bash(`echo ${step}`)));
    const { end, usage } = await world.turn({ limits: { modelCalls: 4 } });
    assert.equal(end.kind === "timeout" && end.limit, "model_calls");
    assert.equal(end.kind === "timeout" && end.confirmed, true);
    assert.ok(usage.modelCalls >= 5, `${usage.modelCalls} model calls`);
  });

  for (const status of [400, 401, 402]) {
    await t.step(`the provider's ${status} ends the turn with its words`, async () => {
      model.setScript(() => httpError(status, { error: { message: `no to ${status}` } }));
      const { end, usage } = await world.turn();
      assert.equal(end.kind, "finished");
      const error = end.kind === "finished" ? end.error : undefined;
      assert.equal(error?.name, "APIError");
      assert.equal(error?.statusCode, status);
      assert.match(error?.message ?? "", new RegExp(`no to ${status}`));
      assert.equal(usage.complete, true);
    });
  }

  await t.step("a malformed answer of the provider ends the turn with an error", async () => {
    model.setScript(() => malformed());
    const { end } = await world.turn();
    assert.equal(end.kind === "finished" && end.error?.name, "UnknownError");
  });

  await t.step("a model that does not exist is a lost prompt, soon", async () => {
    const { end } = await world.turn({
      model: { providerId: "fake", modelId: "nope" },
      limits: { finishMs: 1_000 },
    });
    assert.equal(end.kind, "lost");
    if (!old) assert.match(end.kind === "lost" ? end.why : "", /Model not found/);
  });

  await t.step("an agent that does not exist is a lost prompt", async () => {
    const { end } = await world.turn({
      agent: "nope",
      limits: { finishMs: 1_000, startMs: 3_000 },
    });
    assert.equal(end.kind, "lost");
    if (!old) assert.match(end.kind === "lost" ? end.why : "", /Agent not found/);
  });

  await t.step("an OpenCode session that does not exist is refused or lost", async () => {
    const prompting = world.client.prompt("ses_0000000000000000000000000", { text: "go" });
    if (old) await prompting;
    else await assert.rejects(prompting, { name: "OpenCodeError", kind: "not_found" });
  });
});
