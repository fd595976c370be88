/**
 * The fake server tells and keeps the same as the real one of its version, turn by turn. What is
 * compared is what ralph reads: events as it decodes them, of each OpenCode session on its own, what
 * is asked (1.1.53 tells it before it tells of the tool), and messages. Left out: repetitions in a
 * row, and of a tool's being at work; updates of sessions and of the prompt's message; a tool's
 * pending state, which the fake passes over.
 */
import assert from "node:assert/strict";
import { systemClock } from "../../src/host/system/clock.ts";
import { followEvents } from "../../src/opencode/events.ts";
import type { AgentEvent, Message, PermissionRequest } from "../../src/opencode/model.ts";
import { NEWEST, TESTED, type Version } from "../support/install.ts";
import { call, hang, httpError, say, type Script, think } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { startFake, startReal, startWorld, type World } from "./world.ts";

interface Scenario {
  readonly script: Script;
  readonly model?: string;
  /** Done once, at the first line that starts with `at`. */
  readonly at?: string;
  readonly act?: "abort" | "kill";
  /** What a permission is answered with. Default: `once`. */
  readonly reply?: "reject" | "nothing";
  /** The line that comes last. Default: idle, after a finished message. */
  readonly last?: Partial<Record<Version, RegExp>>;
}

const bash = (command: string) => ({ name: "bash", input: { command, description: "Run it" } });
const inTool: Script = ({ step }) => step === 0 ? call(bash("echo a; sleep 20")) : say("done");

const circle: Script = ({ step }) =>
  step === 0 ? call(bash("sleep 2"), bash("sleep 2"), bash("sleep 2")) : say("done");

const scenarios: Readonly<Record<string, Scenario>> = {
  "a tool and a text": { script: ({ step }) => step === 0 ? call(bash("echo a")) : say("done") },
  "an unknown tool": {
    script: ({ step }) => step === 0 ? call({ name: "nope", input: {} }) : say("done"),
  },
  thinking: { model: "thinking", script: () => think("hm", "yes") },
  "the output limit": { script: () => say("half", { finish: "length" }) },
  "a provider's refusal": { script: () => httpError(400, { error: { message: "no" } }) },
  "an unknown model": {
    model: "nope",
    script: () => say("never"),
    last: { "1.1.53": /^idle/, [NEWEST]: /^error Provider/ },
  },
  "an abort in a text": { script: () => hang(), at: "delta", act: "abort" },
  "an abort in a tool": { script: inTool, at: "tool bash running", act: "abort" },
  "an abort in a wait for the provider": {
    script: () => httpError(429, { error: { message: "rate limit" } }, { "retry-after": "60" }),
    at: "retry",
    act: "abort",
  },
  "a sub-agent that leaves the project": {
    script({ step, isSubagent }) {
      if (step > 0) return say(isSubagent ? "child done" : "parent done");
      return isSubagent ? call({ name: "read", input: { filePath: "/etc/hostname" } }) : call({
        name: "task",
        input: { description: "sub job", prompt: "look", subagent_type: "general" },
      });
    },
  },
  "a refusal of the third call of its kind": { script: circle, reply: "reject" },
  "an abort while leave is asked": {
    script: circle,
    reply: "nothing",
    at: "asked",
    act: "abort",
    last: { "1.1.53": /^idle/ },
  },
  "a server that dies in a text": { script: () => hang(), at: "delta", act: "kill" },
  "a server that dies in a tool": { script: inTool, at: "tool bash running", act: "kill" },
};

/** An event as a line; undefined for those that are left out. */
function lineOf(event: AgentEvent): string | undefined {
  switch (event.type) {
    case "busy":
      return event.busy.type === "retry" ? `retry ${event.busy.attempt}` : event.busy.type;
    case "error":
      return `error ${event.error.message.split("\n")[0]}`;
    case "message": {
      const { role, completedAt, finish, error } = event.message;
      if (role === "user") return undefined;
      return `message ${completedAt ? "completed" : "open"} ${finish} ${error?.name}`;
    }
    case "text":
      return event.done
        ? `${event.kind} ${event.text}`
        : event.delta === undefined
        ? undefined
        : `delta ${event.delta}`;
    case "tool":
      return event.status === "pending" ? undefined : `tool ${event.tool} ${event.status}`;
    case "idle":
      return "idle";
    default:
      return undefined;
  }
}

function keptOf(message: Message) {
  const { role, text, finish, error, model, tokens, costUsd, completedAt, toolRuns } = message;
  const ends = toolRuns.map(({ end }) => end !== undefined);
  const completed = completedAt !== undefined;
  const cost = costUsd.toFixed(9);
  return { role, text, finish, error, model, tokens, cost, completed, ends };
}

/** Runs one turn and tells what was seen of it: lines, own and the sub-agent's, and messages. */
async function observe({ client, model, server, version }: World, scenario: Scenario) {
  model.setScript(scenario.script);
  const lines = { own: [] as string[], child: [] as string[], asked: [] as string[] };
  const ending = new AbortController();
  const { id } = await client.createSession({ title: "observed" });
  let acting: Promise<unknown> | undefined;

  function act(): Promise<unknown> {
    if (scenario.act === "abort") return client.abort(id);
    ending.abort();
    return server.kill().then(() => server.start());
  }

  function answer(request: PermissionRequest): void {
    const { reply } = scenario;
    if (reply === "nothing") return;
    const body = reply === "reject"
      ? { reply, message: "go another way" }
      : { reply: "once" as const };
    client.replyPermission(request, body).catch(() => {}); // seen by its absence
  }

  const stream = followEvents({
    client,
    clock: systemClock,
    signal: ending.signal,
    onEvent(event) {
      if (event.type === "permission") {
        const { permission, patterns } = event.request;
        lines.asked.push(`${permission} ${patterns}`);
        answer(event.request);
        if (scenario.at === "asked") acting ??= act();
      }
      const line = lineOf(event);
      const from = event.type === "message"
        ? event.message.sessionId
        : "sessionId" in event && event.sessionId;
      const told = from === id ? lines.own : lines.child;
      if (line === undefined || line === told.at(-1)) return;
      if (/^tool \w+ running/.test(line) && told.includes(line)) return;
      told.push(line);
      if (scenario.at && line.startsWith(scenario.at)) acting ??= act();
    },
  });
  assert.equal(await stream.connected(10_000), true);
  await client.prompt(id, {
    text: "go",
    model: { providerId: "fake", modelId: scenario.model ?? "ok" },
  });

  const isOver = () => {
    const last = scenario.last?.[version as Version];
    if (last) return last.test(lines.own.at(-1) ?? "");
    const message = lines.own.findLast((line) => line.startsWith("message")) ?? "";
    return lines.own.at(-1) === "idle" && /^message completed (?!tool-calls)/.test(message);
  };
  await until(scenario.act === "kill" ? () => acting !== undefined : isOver, {
    what: "the end of the turn",
  });
  await acting;
  ending.abort();
  await stream.closed;
  // the first request after a kill may go to a connection that broke with it
  const messages = await until(() => client.messages(id).catch(() => undefined), {
    what: "the messages",
  });
  return { lines: scenario.act === "kill" ? undefined : lines, messages: messages.map(keptOf) };
}

for (const version of TESTED) {
  Deno.test(`the fake is like the real OpenCode ${version}`, async (t) => {
    await using real = await startWorld(startReal, { version });
    await using fake = await startWorld(startFake, { version });
    for (const [name, scenario] of Object.entries(scenarios)) {
      await t.step(name, async () => {
        const [expected, seen] = await Promise.all([
          observe(real, scenario),
          observe(fake, scenario),
        ]);
        assert.ok(expected.messages.length > 0, "the real server kept nothing");
        assert.deepEqual(seen, expected);
      });
    }
  });
}
