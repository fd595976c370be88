/** Stop stops, at every moment of a turn, and says what was seen. */
import assert from "node:assert/strict";
import { systemClock } from "../../src/host/system/clock.ts";
import { abortTurn } from "../../src/loop/turn/abort.ts";
import { call, hang, httpError, say, slow } from "../support/scripted_model.ts";
import { GENEROUS_MS, until } from "../support/wait.ts";
import { onEachVersion, type Turn, type World } from "./world.ts";

/** The turn was seen to end, the server agrees, and what it began does not come back. */
async function assertStopped(world: World, turn: Turn): Promise<void> {
  assert.deepEqual(turn.end, { kind: "stopped", confirmed: true });
  assert.equal((await world.client.busy()).has(turn.sessionId), false);
  const before = await world.client.messages(turn.sessionId);

  world.model.setScript(() => say("the next turn"));
  const next = await world.turn();
  assert.equal(next.end.kind === "finished" && next.end.text, "the next turn");
  assert.equal((await world.client.busy()).size, 0);
  const after = await world.client.messages(turn.sessionId);
  assert.deepEqual(
    after.map(({ id, text }) => ({ id, text })),
    before.map(({ id, text }) => ({
      id,
      text,
    })),
  );
}

onEachVersion("abort", async (t, world) => {
  const { model, client, version } = world;
  const stopOnText = (turn: Parameters<World["turn"]>[0] = {}) => {
    let stoppedAt = 0;
    const request = {
      ...turn,
      onEvent(event: { type: string }, stop: () => void) {
        if (event.type !== "text" || stoppedAt > 0) return;
        stoppedAt = performance.now();
        stop();
      },
    };
    return world.turn(request).then((done) => ({ ...done, tookMs: performance.now() - stoppedAt }));
  };

  await t.step("at the first prompt of a cold project, right after it was taken", async () => {
    model.setScript(() => slow({ chunks: 100, everyMs: 100 }));
    await assertStopped(world, await world.turn({ onSent: (stop) => stop() }));
  });

  await t.step("right after the prompt was taken, warm", async () => {
    model.setScript(() => slow({ chunks: 100, everyMs: 100 }));
    await assertStopped(world, await world.turn({ onSent: (stop) => stop() }));
  });

  await t.step("in the middle of a text, fast", async () => {
    model.setScript(() => hang());
    const turn = await stopOnText();
    await assertStopped(world, turn);
    assert.equal(turn.usage.complete, true);
    assert.ok(turn.tookMs < GENEROUS_MS, `took ${turn.tookMs} ms`);
  });

  await t.step("in a shell command", async () => {
    const command = "touch started; sleep 60";
    model.setScript(({ step, lastToolOutput }) =>
      step === 0
        ? call({ name: "bash", input: { command, description: "Sleep" } })
        : say(`slept: ${lastToolOutput}`)
    );
    let isOver = false;
    const started = () => isOver || world.project.read("started").then(() => true, () => false);
    const turn = await world.turn({
      onSent(stop) {
        until(started, { what: "the command to start" }).finally(stop);
      },
    });
    isOver = true;
    await assertStopped(world, turn);
  });

  await t.step("while a sub-agent works", async () => {
    model.setScript(({ isSubagent }) =>
      isSubagent ? hang() : call({
        name: "task",
        input: { description: "sub job", prompt: "go", subagent_type: "general" },
      })
    );
    const turn = await stopOnText();
    await assertStopped(world, turn);
    for (const child of await client.children(turn.sessionId)) {
      assert.equal((await client.busy()).has(child.id), false);
    }
  });

  await t.step("while the provider's refusal is waited out", async () => {
    model.setScript(() =>
      httpError(429, { error: { message: "rate limit" } }, { "retry-after": "60" })
    );
    const turn = await world.turn({
      onActivity(activity, stop) {
        if (activity.kind === "rate_limited") stop();
      },
    });
    await assertStopped(world, turn);
  });

  await t.step("while it waits for leave that nobody gives", async () => {
    const command = { command: "true", description: "The same again" };
    model.setScript(() => call(...[1, 2, 3].map(() => ({ name: "bash", input: command }))));
    const { id: sessionId } = await client.createSession({ title: "asks" });
    await client.prompt(sessionId, { text: "go" });
    const asks = async () =>
      (await client.permissions()).some((one) => one.sessionId === sessionId);
    await until(asks, { what: "the agent to ask" });
    // 1.1.53 writes down that the call runs only after it has asked.
    await until(async () => (await client.messages(sessionId)).at(-1)?.toolRuns.length, {
      what: "the call to be written down",
    });
    const began = performance.now();
    assert.equal(await abortTurn({ client, clock: systemClock, sessionId }), true);
    assert.ok(performance.now() - began < GENEROUS_MS);
    assert.equal((await client.busy()).has(sessionId), false);
  });

  await t.step("while it asks a question that nobody answers, where it can", async () => {
    if (version !== "1.1.53") return; // it has no such tool here
    const questions = [{ question: "Which?", header: "Choice", options: [] }];
    model.setScript(() => call({ name: "question", input: { questions } }));
    const { id: sessionId } = await client.createSession({ title: "asks" });
    await client.prompt(sessionId, { text: "go" });
    const asks = async () => (await client.questions()).some((one) => one.sessionId === sessionId);
    await until(asks, { what: "the agent to ask" });
    await until(async () => (await client.messages(sessionId)).at(-1)?.toolRuns.length, {
      what: "the call to be written down",
    });
    assert.equal(await abortTurn({ client, clock: systemClock, sessionId }), true);
  });

  await t.step("a turn that has ended long ago is confirmed at once", async () => {
    model.setScript(() => say("done"));
    const { sessionId } = await world.turn();
    const began = performance.now();
    assert.equal(await abortTurn({ client, clock: systemClock, sessionId }), true);
    assert.ok(performance.now() - began < GENEROUS_MS);
  });
});
