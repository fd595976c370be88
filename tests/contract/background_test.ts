/**
 * Sub-agents that work on when their agent has ended: those of OpenCode's own `task` tool, which
 * 1.18.33 can start in the background, and those that a plugin starts. Each wakes its agent up.
 */
import assert from "node:assert/strict";
import type { AgentEvent } from "../../src/opencode/model.ts";
import { call, say, type Script } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { onEachVersion, type Turn, type TurnRequest, type World } from "./world.ts";

const CHILD = "look after the rest";
const bash = (command: string) => ({ name: "bash", input: { command, description: "Run it" } });
const start = (background: boolean) => ({
  name: "task",
  input: { description: "rest", prompt: CHILD, subagent_type: "general", background },
});

/** What the child does, in the background, and its agent meanwhile and afterwards. */
const family = (first: () => ReturnType<typeof call>, child: string): Script => (request) => {
  if (request.prompt === CHILD) return request.step === 0 ? call(bash(child)) : say("child done");
  if (request.prompt !== "go") return say("woken up");
  return request.step === 0 ? first() : say("gone ahead");
};

/** A turn whose plugin starts a sub-agent while a tool runs, and wakes the agent up after it. */
function pluginTurn(world: World, request: TurnRequest): Promise<Turn> {
  const { client, server: { url }, project: { root } } = world;
  async function delegate(parentID: string): Promise<void> {
    const response = await fetch(`${url}/session?directory=${encodeURIComponent(root)}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ parentID, title: "of a plugin" }),
    });
    const { id } = await response.json();
    await client.prompt(id, { text: CHILD, agent: "general" });
    const last = await until(async () => {
      const [newest] = await client.messages(id, { limit: 1 });
      const isOver = newest?.completedAt !== undefined && newest.finish !== "tool-calls";
      return isOver && newest;
    }, { what: "the plugin's sub-agent to end" });
    if (!last.error) await client.prompt(parentID, { text: "the rest is done" });
  }
  let delegated: Promise<void> | undefined;
  const running = world.turn({
    ...request,
    onEvent(event, stop) {
      if (event.type === "tool" && event.input.command === MEANWHILE) {
        delegated ??= delegate(event.sessionId);
      }
      request.onEvent?.(event, stop);
    },
  });
  return running.finally(() => delegated);
}

/** Long enough for the plugin's sub-agent to begin meanwhile. */
const MEANWHILE = "until test -e began; do sleep 0.1; done";

onEachVersion("background", async (t, world) => {
  const { client, model, project } = world;
  const kinds = {
    "of a plugin": {
      first: () => call(bash(MEANWHILE)),
      run: (request: TurnRequest) => pluginTurn(world, request),
    },
    ...world.version !== "1.1.53" && {
      "of the server": {
        first: () => call(start(true)),
        run: (request: TurnRequest) => world.turn(request),
      },
    },
  };
  for (const [whose, { first, run }] of Object.entries(kinds)) {
    const begin = async (child: string) => {
      await Deno.remove(`${project.root}/began`).catch(() => {}); // the first has none
      model.setScript(family(first, `touch began; ${child}`));
    };

    await t.step(`a sub-agent ${whose} is waited for, and what its end wakes up`, async () => {
      await begin("sleep 2; echo done > late.txt");
      const { end, usage } = await run({});
      assert.deepEqual(end, {
        kind: "finished",
        finish: "stop",
        error: undefined,
        text: "woken up",
      });
      assert.equal(await project.read("late.txt"), "done\n");
      assert.equal((await client.busy()).size, 0);
      assert.deepEqual([usage.modelCalls, usage.complete], [5, true]);
      await Deno.remove(`${project.root}/late.txt`);
    });

    const began = () => project.read("began").then(() => true, () => false);

    await t.step(`a stop ends a sub-agent ${whose} when its agent has ended`, async () => {
      await begin("sleep 30");
      let isAhead = false;
      const { end, sessionId } = await run({
        onEvent(event: AgentEvent, stop) {
          isAhead ||= event.type === "text" && event.done === true && event.text === "gone ahead";
          if (isAhead && event.type === "idle") until(began, { what: "the child" }).then(stop);
        },
      });
      assert.deepEqual(end, { kind: "stopped", confirmed: true });
      await assertAborted(world, sessionId);
    });

    await t.step(`the turn's limit ends a sub-agent ${whose}`, async () => {
      await begin("sleep 30");
      const { end, sessionId } = await run({ limits: { turnMs: 5_000 } });
      assert.equal(end.kind === "timeout" && end.limit, "turn");
      assert.equal(end.kind === "timeout" && end.confirmed, true);
      await assertAborted(world, sessionId);
    });
  }
});

async function assertAborted({ client }: World, sessionId: string): Promise<void> {
  assert.equal((await client.busy()).size, 0);
  const children = await client.children(sessionId);
  assert.equal(children.length, 1);
  const last = await until(async () => {
    const [newest] = await client.messages(children[0].id, { limit: 1 });
    return newest?.completedAt !== undefined && newest;
  }, { what: "the sub-agent's message to be finished" });
  assert.equal(last.error?.name, "MessageAbortedError");
}
