/**
 * A turn of the fake server: the states, messages and events of a real one, in their order, as they
 * were measured for OpenCode 1.1.53 and 1.18.33. The agent does what its script says.
 */
import { sleep } from "../../src/clock.ts";
import { askModel } from "./fake_answer.ts";
import type { AgentError, Life, Message, RunningTurn, Session, TextPart } from "./fake_state.ts";
import { unlessAborted } from "../../src/abort_signal.ts";
import { type Delegate, runToolCalls } from "./fake_tool_calls.ts";
import {
  createTurnContext,
  Cut,
  TurnError,
  type TurnRequest,
  type TurnWorld,
} from "./fake_turn_context.ts";
import type { Usage } from "./scripted_model.ts";

export const AGENTS = [
  {
    name: "build",
    mode: "primary",
    permission: [{ permission: "*", pattern: "*", action: "allow" }],
  },
  {
    name: "plan",
    mode: "primary",
    permission: [
      { permission: "*", pattern: "*", action: "allow" },
      { permission: "edit", pattern: "*", action: "deny" },
      { permission: "edit", pattern: ".opencode/plans/*.md", action: "allow" },
    ],
  },
  { name: "general", mode: "subagent" },
  { name: "title", mode: "primary", hidden: true },
];
const PRICE = { input: 3, output: 15, cache: { read: 0.3, write: 0 } };
export const MODELS = Object.fromEntries(
  ["ok", "other", "thinking", "tiny", "notools"].map((name) => [
    name,
    { name, cost: PRICE, capabilities: { toolcall: name !== "notools" } },
  ]),
);

const RETRIES_MAX = 5;
const RETRY_MAX_MS = 30_000;

/** Starts a turn. It goes on until it is over, aborted, or `life` ends. */
export function startTurn(world: TurnWorld, life: Life, request: TurnRequest): RunningTurn {
  const { clock, timings } = world;
  const turn = createTurnContext(world, life, request);
  const { old, sessionID, directory, rootSessionId } = turn;
  const children = new Set<RunningTurn>();
  const steered: string[] = [];
  const isSubagent = rootSessionId !== sessionID;
  let begun = isSubagent;
  let message: Message | undefined;

  async function work(): Promise<void> {
    if (!AGENTS.some(({ name }) => name === request.agent)) {
      if (!old) turn.fail(unknownError(`Agent not found: "${request.agent}".`));
      return;
    }
    await turn.pause(timings.promptMs);
    addPrompt(request.text);
    await turn.pause(timings.startMs);
    begun = true;
    world.note({ type: "turn_began", sessionId: sessionID });
    turn.setStatus({ type: "busy" });
    const { providerID, modelID } = request.model;
    if (providerID !== "fake" || !(modelID in MODELS)) {
      const said = `Model not found: ${providerID}/${modelID}.`;
      if (!old) turn.fail(unknownError(said));
      turn.setStatus();
      // Measured: once more, with a stack trace.
      if (!old) turn.fail(unknownError(`ProviderModelNotFoundError: ${said}`));
      return;
    }
    let steps = true;
    while (steps) {
      const goesOn = await modelCall();
      steps = takeUp() || goesOn;
    }
    turn.setStatus();
  }

  function addPrompt(text: string): void {
    const prompt = turn.addMessage("user");
    const part: TextPart = { ...turn.partOf(prompt), type: "text", text };
    prompt.parts.push(part);
    turn.tell("message.part.updated", { part });
  }

  /** What came in mid-turn. */
  function takeUp(): boolean {
    if (steered.length === 0) return false;
    turn.prompt = steered.splice(0).join("\n");
    turn.outputs.length = 0;
    return true;
  }

  /** One message of the agent. True when another is to follow. */
  async function modelCall(): Promise<boolean> {
    const current = message = turn.addMessage("assistant");
    const { finish, usage, calls } = await askUntilAnswered(current);
    await runToolCalls(turn, { message: current, calls, delegate });
    Object.assign(current.info, { finish, ...costOf(usage, old) });
    if (finish === "content-filter" && !old) {
      throw new TurnError({ name: "ContentFilterError", data: { message: "content filter" } });
    }
    turn.tellMessage(current);
    if (timings.finishMs > 0) await turn.pause(timings.finishMs);
    completeMessage();
    turn.setStatus({ type: "busy" });
    return finish === "tool-calls" || finish === "unknown";
  }

  /** 1.18.33 gives up after 5 retries, 1.1.53 never (measured). */
  async function askUntilAnswered(current: Message) {
    for (let attempt = 1;; attempt++) {
      turn.setStatus({ type: "busy" });
      const answer = await askModel(turn, current);
      if ("finish" in answer) return answer;
      const { failed, retryAfterMs } = answer;
      if (retryAfterMs === undefined || (!old && attempt > RETRIES_MAX)) {
        throw new TurnError(failed);
      }
      current.parts = [];
      turn.closePart = () => {};
      const backoffMs = Math.min(1_000 * 2 ** attempt, old ? Infinity : RETRY_MAX_MS);
      const waitMs = retryAfterMs || backoffMs;
      const next = clock.now() + waitMs;
      turn.setStatus({ type: "retry", attempt, message: failed.data.message, next });
      await turn.pause(waitMs);
    }
  }

  /** The sub-agent's session inherits no rules (measured). */
  const delegate: Delegate = async (input) => {
    const { description, subagent_type: agent, prompt } = input;
    const title = `${description} (@${agent} subagent)`;
    const session = world.createSession({ directory, title, parentID: sessionID });
    const { model } = request;
    const child = { session, text: String(prompt), model, agent: String(agent), rootSessionId };
    const running = startTurn(world, life, child);
    if (input.background === true && !old) return startedInBackground(running, child);
    children.add(running);
    await turn.during(running.done);
    children.delete(running);
    return saidBy(session);
  };

  /** Its end wakes the agent up, however well it ended, unless it was aborted (1.18.33, measured). */
  function startedInBackground(running: RunningTurn, { session }: TurnRequest): string {
    const { id } = session.info;
    const others = life.background.get(sessionID) ?? new Set();
    life.background.set(sessionID, others.add(running));
    running.done.then(() => {
      const error = session.messages.at(-1)?.info.error;
      const isOver = error?.name === "MessageAbortedError" || life.ended.signal.aborted;
      if (!others.delete(running) || isOver) return;
      const text = error
        ? `<task id="${id}" state="error"><task_error>${error.data.message}</task_error></task>`
        : `<task id="${id}" state="completed"><task_result>${saidBy(session)}</task_result></task>`;
      world.startNext({ ...request, text });
    });
    return `<task id="${id}" state="running"><summary>Background task started</summary></task>`;
  }

  function completeMessage(): void {
    if (!message || message.info.time.completed !== undefined) return;
    message.info.time.completed = clock.now();
    turn.tellMessage(message);
  }

  /** The status is idle before the message has its error (measured). */
  async function endWith(error: AgentError): Promise<void> {
    if (old && error.name === "MessageAbortedError") turn.setStatus();
    turn.fail(error);
    turn.setStatus();
    await sleep(clock, timings.errorMs, life.ended.signal);
    if (life.ended.signal.aborted) throw new Cut("lost");
    turn.closePart();
    if (message?.info.time.completed === undefined && message) message.info.error = error;
    completeMessage();
    turn.setStatus();
  }

  async function endAborted(): Promise<void> {
    for (const child of children) child.abort();
    // Measured: 1.18.33 does not say that a wait for the provider was aborted.
    if (!old && turn.instance.status.get(sessionID)?.type === "retry") {
      completeMessage();
      return turn.setStatus();
    }
    // Measured: 1.1.53 leaves the message and its tools as they are until it is answered.
    if (old && turn.asking) {
      turn.setStatus();
      await unlessAborted(turn.asking, life.ended.signal);
    }
    const said = old ? "The operation was aborted." : "Aborted";
    await endWith({ name: "MessageAbortedError", data: { message: said } });
  }

  async function run(): Promise<"finished" | "error" | "aborted"> {
    try {
      await work();
      return "finished";
    } catch (error) {
      if (error instanceof TurnError) {
        await endWith(error.error);
        return "error";
      }
      if (!(error instanceof Cut) || error.how === "lost") throw error;
      await endAborted();
      return "aborted";
    }
  }

  async function runToEnd(): Promise<void> {
    const lose = () => turn.cut("lost");
    if (life.ended.signal.aborted) lose();
    life.ended.signal.addEventListener("abort", lose);
    const how = await run().catch((error) => {
      if (error instanceof Cut) return error.how;
      throw error;
    });
    life.ended.signal.removeEventListener("abort", lose);
    life.turns.delete(sessionID);
    if (how !== "lost") request.session.info.time.updated = clock.now();
    world.note({ type: "turn_ended", sessionId: sessionID, how });
  }

  const running: RunningTurn = {
    done: runToEnd(),
    abort() {
      if (begun) turn.cut("aborted");
      return begun;
    },
    steer(text) {
      addPrompt(text);
      steered.push(text);
    },
  };
  life.turns.set(sessionID, running);
  return running;
}

function saidBy({ messages }: Session): string {
  const parts = messages.at(-1)?.parts ?? [];
  return parts.flatMap((part) => part.type === "text" ? [part.text] : []).join("\n");
}

const unknownError = (message: string): AgentError => ({ name: "UnknownError", data: { message } });

/** 1.1.53 counts reasoning as output too, and so twice (measured). */
function costOf({ prompt, cached, completion, reasoning }: Usage, old: boolean) {
  const input = prompt - cached;
  const output = old ? completion : completion - reasoning;
  const usd = input * PRICE.input + (output + reasoning) * PRICE.output + cached * PRICE.cache.read;
  return {
    cost: usd / 1e6,
    tokens: {
      ...(!old && { total: prompt + completion }),
      input,
      output,
      reasoning,
      cache: { read: cached, write: 0 },
    },
  };
}
