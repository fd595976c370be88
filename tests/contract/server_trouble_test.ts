/** Servers that refuse, retry, restart or go away in the middle of a turn. */
import assert from "node:assert/strict";
import { systemClock } from "../../src/host/system/clock.ts";
import { createClient } from "../../src/opencode/connect.ts";
import { OpenCodeError } from "../../src/opencode/error.ts";
import { startProxy } from "../support/recording_proxy.ts";
import { call, hang, httpError, say } from "../support/scripted_model.ts";
import { onEachVersion } from "./world.ts";
import { GENEROUS_MS } from "../support/wait.ts";

const refuse = (status: number, message: string, headers: Record<string, string> = {}) =>
  httpError(status, { error: { message } }, headers);

onEachVersion("provider trouble", async (t, world) => {
  const { model } = world;

  await t.step("a rate limit is told with its end, and waited out", async () => {
    let refusals = 0;
    model.setScript(() =>
      refusals++ < 1
        ? refuse(429, "Rate limit exceeded", { "retry-after": "2" })
        : say("after the limit")
    );
    const before = Date.now();
    const { end, activities, usage } = await world.turn();
    assert.equal(end.kind === "finished" && end.text, "after the limit");
    const limited = activities.find((activity) => activity.kind === "rate_limited");
    assert.match(
      limited?.text ?? "",
      /^rate limited, asked again at \d\d:\d\d UTC: Rate limit exceeded/,
    );
    assert.ok((limited?.until ?? 0) > before + 1_000, `${limited?.until} after ${before}`);
    assert.ok((limited?.until ?? 0) < before + 30_000);
    assert.equal(activities.at(-1)?.kind, "working");
    assert.equal(usage.modelCalls, 1);
  });

  await t.step("a failing provider is told as such, and a person can stop there", async () => {
    model.setScript(() => refuse(500, "boom"));
    const { end, activities } = await world.turn({
      onActivity: (activity, stop) => activity.kind === "retrying" && stop(),
    });
    assert.deepEqual(end, { kind: "stopped", confirmed: true });
    assert.match(
      activities.at(-1)?.text ?? "",
      /^provider fails, attempt 1, asked again at \d\d:\d\d UTC: /,
    );
  });

  await t.step("a refusal beyond the limit ends the turn at once", async () => {
    model.setScript(() => refuse(429, "Rate limit exceeded", { "retry-after": "3600" }));
    const began = performance.now();
    const { end } = await world.turn({ limits: { retryMs: 60_000 } });
    assert.equal(end.kind === "timeout" && end.limit, "provider");
    assert.equal(end.kind === "timeout" && end.confirmed, true);
    assert.ok(performance.now() - began < GENEROUS_MS);
  });

  await t.step("a model that falls silent is ended by the silence limit", async () => {
    model.setScript(() => hang());
    const { end } = await world.turn({ limits: { silenceMs: 3_000 } });
    assert.equal(end.kind === "timeout" && end.limit, "silence");
    assert.equal(end.kind === "timeout" && end.confirmed, true);
  });

  await t.step("a turn that takes too long is ended by its limit", async () => {
    model.setScript(({ step }) =>
      call({ name: "bash", input: { command: `sleep 0.5; echo ${step}`, description: "Work" } })
    );
    const { end } = await world.turn({ limits: { turnMs: 3_000 } });
    assert.equal(end.kind === "timeout" && end.limit, "turn");
    assert.equal(end.kind === "timeout" && end.confirmed, true);
  });
});

onEachVersion("server trouble", async (t, world) => {
  const { model, server } = world;

  await t.step("an event stream that breaks in mid-turn is no harm", async () => {
    await using proxy = await startProxy(server.url);
    model.setScript(({ step }) => {
      if (step > 0) return say("finished");
      return call({ name: "bash", input: { command: "sleep 1", description: "Work" } });
    });
    let isBroken = false;
    const { end, events } = await world.turn({
      url: proxy.url,
      onEvent(event) {
        // 1.18.33 says more than once that a tool runs (measured).
        if (isBroken || event.type !== "tool" || event.status !== "running") return;
        isBroken = true;
        proxy.breakConnections();
      },
    });
    assert.equal(end.kind === "finished" && end.text, "finished");
    const changes = events.filter(({ type }) => type === "connected" || type === "disconnected");
    assert.deepEqual(changes.map(({ type }) => type), ["disconnected", "connected"]);
  });

  await t.step("a server killed in mid-turn and back is an interrupted turn", async () => {
    model.setScript(() => hang("the server dies now"));
    let restarted: Promise<void> | undefined;
    const { end, activities, usage, sessionId } = await world.turn({
      limits: { finishMs: 1_000 },
      onEvent(event) {
        if (event.type === "text" && !restarted) {
          restarted = server.kill().then(() => server.start());
        }
      },
    });
    await restarted;
    assert.deepEqual(end, {
      kind: "interrupted",
      why: "the server went away while the agent worked",
      server: "lost_turn",
    });
    const waiting = activities.find((activity) => activity.kind === "waiting_for_server");
    assert.match(waiting?.text ?? "", /^waiting for server: cannot reach OpenCode at http/);
    assert.equal(usage.complete, true);
    assert.equal((await world.client.session(sessionId))?.id, sessionId);
  });

  await t.step("the turn after a restart is followed on the same stream", async () => {
    model.setScript(() => say("back"));
    const { end } = await world.turn();
    assert.equal(end.kind === "finished" && end.text, "back");
  });

  await t.step("a server that stays away is given up", async () => {
    model.setScript(() => hang("the server dies now"));
    const { end, usage } = await world.turn({
      limits: { serverGoneMs: 1_000 },
      onEvent(event) {
        if (event.type === "text") void server.kill();
      },
    });
    assert.equal(end.kind, "interrupted");
    assert.match(
      end.kind === "interrupted" ? end.why : "",
      /^the server stayed away: cannot reach/,
    );
    assert.equal(usage.complete, false);

    await assert.rejects(world.client.health(), {
      problem: "unreachable",
      hints: [{
        text: "Start with",
        command: "systemctl --user start opencode",
      }],
    });
    await server.start();
  });
});

onEachVersion("password", async (t, world) => {
  const { url } = world.server;
  const directory = world.project.root;
  const withPassword = (password?: string) =>
    createClient({ url, directory, password, clock: systemClock });

  await t.step("the right one is enough for a whole turn", async () => {
    const { end } = await world.turn();
    assert.equal(end.kind, "finished");
  });

  await t.step("a wrong one is told, and not repeated", async () => {
    const error = await withPassword("wr0ng-secret").health().catch((error) => error);
    assert.ok(error instanceof OpenCodeError);
    assert.equal(error.problem, "unauthorized");
    assert.match(error.message, /refused the user name or the password that was sent/);
    assert.match(error.hints[0]?.text ?? "", /OPENCODE_SERVER_PASSWORD/);
    assert.ok(!`${error.message}${error.stack}${JSON.stringify(error.hints)}`.includes("wr0ng"));
  });

  await t.step("a missing one is asked for", async () => {
    await assert.rejects(withPassword().health(), {
      problem: "unauthorized",
      message: /asks for a password, and none was sent/,
    });
    await assert.rejects(withPassword().createSession({ title: "x" }), { problem: "unauthorized" });
  });
}, { password: "s3cret:password" });
