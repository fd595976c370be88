/** Plays a scenario's agent, and keeps the referee's score while it does. */
import { type ModelRequest, type Reply, say, type Usage } from "../support/scripted_model.ts";
import { askedIn, isReview } from "../support/reviewer.ts";
import type { Reviewer } from "./reviewers.ts";
import type { Assignment, Scenario } from "./scenario.ts";

/** What every call of the model is said to use. */
const USAGE: Usage = { prompt: 1000, cached: 200, completion: 50, reasoning: 0 };
/** In US dollars for each token, as a server's configuration gives them for a million. */
export const PRICES = { input: 3, output: 15, cache_read: 0.3, cache_write: 0 };

export interface Player {
  /** Answers one call of the model. Never throws: what goes wrong is in `problems`. */
  answer(request: ModelRequest): Promise<Reply>;
  /** Turns that have begun. */
  readonly turns: number;
  readonly modelCalls: number;
  /** Of these, how many were answers of the reviewer. */
  readonly reviews: number;
  /** For each turn that has ended, in order: whether the work was done then. */
  readonly doneAfter: readonly boolean[];
  readonly problems: readonly string[];
}

/** An agent at the start of `scenario`, and its reviewer. `missing` asks the referee. */
export function makePlayer(
  scenario: Scenario,
  missing: () => Promise<readonly string[]>,
  reviewer?: Reviewer,
): Player {
  const isDone = async () => (await missing()).length === 0;
  const doneAfter: boolean[] = [];
  const problems: string[] = [];
  let turns = 0;
  let modelCalls = 0;
  let reviews = 0;

  async function answer(request: ModelRequest): Promise<Reply> {
    modelCalls++;
    if (isReview(request.prompt)) {
      if (!reviewer) throw new Error("nobody plays the reviewer");
      reviews++;
      const text = reviewer.says(askedIn(request.prompt), await missing());
      return { ...say(text), usage: USAGE } as Reply;
    }
    if (request.step === 0 && !request.isSubagent && !isWakeUp(request)) turns++;
    const reply = play(request);
    if (!request.isSubagent && !callsTools(reply)) doneAfter[turns - 1] = await isDone();
    return reply.kind === "stream" ? { ...reply, usage: USAGE } : reply;
  }

  function play(request: ModelRequest): Reply {
    const turn = scenario.turns[turns - 1] ?? scenario.afterwards;
    if (isWakeUp(request)) return say("I have taken note of that.");
    if (!request.isSubagent) return turn(request, assignmentOf(request.prompt));
    if (!scenario.subagent) throw new Error("nobody plays the agents that the agent starts");
    return scenario.subagent(request, { story: "", prd: "" });
  }

  return {
    async answer(request) {
      try {
        return await answer(request);
      } catch (error) {
        problems.push(`turn ${turns}: ${error instanceof Error ? error.message : error}`);
        return { kind: "http", status: 400, body: {}, headers: {} };
      }
    },
    get turns() {
      return turns;
    },
    get reviews() {
      return reviews;
    },
    get modelCalls() {
      return modelCalls;
    },
    doneAfter,
    problems,
  };
}

/** By a child in the background that has ended: it belongs to the turn (1.18.33 and 2, measured). */
function isWakeUp({ prompt }: ModelRequest): boolean {
  return /^<(task|subagent) id="/.test(prompt);
}

/** Tokens and US dollars of as many calls of the model. */
export function costOf(modelCalls: number): { tokens: number; usd: number } {
  const { prompt, cached, completion } = USAGE;
  const { input, output, cache_read } = PRICES;
  const millionths = (prompt - cached) * input + cached * cache_read + completion * output;
  return {
    tokens: modelCalls * (prompt + completion),
    usd: modelCalls * millionths / 1_000_000,
  };
}

function assignmentOf(prompt: string): Assignment {
  const line = (name: string) => new RegExp(`^${name}: (.+)$`, "m").exec(prompt)?.[1].trim() ?? "";
  return { story: line("Story"), prd: line("PRD") };
}

function callsTools(reply: Reply): boolean {
  return reply.kind === "stream" &&
    reply.steps.some((step) => "finish" in step && step.finish === "tool_calls");
}
