/**
 * The form of `ralph.json` and `config.json`. Error texts complete `… must be`. `examples` are what
 * errors show; descriptions and defaults are for the JSON Schema that tools/schema.ts makes.
 */
import * as z from "zod";
import { DEFAULT_SETTINGS, DURATION_MS_MAX, MINUTE_MS } from "./settings.ts";
import { MODEL, WANTED } from "./values.ts";

const { limits } = DEFAULT_SETTINGS;

/** Not empty, on one line. */
function text(wanted: string, pattern = /^[^\p{Cc}]+$/u) {
  return z.string(wanted).regex(pattern, wanted);
}

const count = z.int(WANTED.count).min(1, WANTED.count);

const minutesMax = DURATION_MS_MAX / MINUTE_MS;
const minutesWanted = `a number of minutes above 0, and ${minutesMax} (24 days) at most`;
const minutes = z.number(minutesWanted).positive(minutesWanted).max(minutesMax, minutesWanted);

const moneyWanted = "an amount in US dollars above 0";

export const limitsSchema = z.strictObject({
  iterations: count.optional().meta({
    description: "Turns round the loop in one session.",
    default: limits.iterations,
    examples: [20],
  }),
  costUsd: z.number(moneyWanted).positive(moneyWanted).optional().meta({
    description: "US dollars that one session may cost. No limit when absent.",
    examples: [5.5],
  }),
  tokens: count.optional().meta({
    description: "Tokens that one session may use. No limit when absent.",
    examples: [1_000_000],
  }),
  durationMinutes: minutes.optional().meta({
    description: "How long one session may take. No limit when absent.",
    examples: [480],
  }),
  turnMinutes: minutes.optional().meta({
    description: "How long the agent may work in one turn.",
    default: limits.turnMs / MINUTE_MS,
    examples: [90],
  }),
  silenceMinutes: minutes.optional().meta({
    description: "How long the agent may show no sign of life while it is said to work.",
    default: limits.silenceMs / MINUTE_MS,
    examples: [15],
  }),
  modelCalls: count.optional().meta({
    description: "Model calls in one turn, sub-agents included.",
    default: limits.modelCalls,
    examples: [300],
  }),
  gateMinutes: minutes.optional().meta({
    description: "How long a gate may take that has no limit of its own.",
    default: limits.gateMs / MINUTE_MS,
    examples: [10],
  }),
  noProgress: count.optional().meta({
    description: "Iterations in a row without progress that end the session.",
    default: limits.noProgress,
    examples: [3],
  }),
  errors: count.optional().meta({
    description:
      "Iterations in a row with an error, over a time limit or lost with the server that end the session.",
    default: limits.errors,
    examples: [3],
  }),
  serverAwayMinutes: minutes.optional().meta({
    description: "How long to wait for an OpenCode server that is away.",
    default: limits.serverAwayMs / MINUTE_MS,
    examples: [30],
  }),
  rateLimitMinutes: minutes.optional().meta({
    description: "How long to wait for a provider that refuses or fails, in a row.",
    default: limits.rateLimitMs / MINUTE_MS,
    examples: [360],
  }),
  brokenAnswers: count.optional().meta({
    description: "Answers of the model in a row that break off, in one turn.",
    default: limits.brokenAnswers,
    examples: [5],
  }),
  compactions: count.optional().meta({
    description: "How often a conversation that grows too long may be shortened, in one turn.",
    default: limits.compactions,
    examples: [10],
  }),
}, "an object");

export const settingsSchema = z.strictObject({
  $schema: z.string("the address of a JSON Schema, for editors").optional().meta({
    description: "Where an editor finds this schema.",
    examples: ["./ralph.schema.json"],
  }),
  server: z.string("an http address").optional().meta({
    description: "The OpenCode server. It must be on this machine.",
    default: DEFAULT_SETTINGS.server,
    examples: [DEFAULT_SETTINGS.server],
  }),
  model: text(WANTED.model, MODEL).optional().meta({
    description: "The model, as provider/model. The server's choice when absent.",
    examples: ["anthropic/claude-sonnet-4-5"],
  }),
  agent: text("the name of an agent").optional().meta({
    description: "The agent. The server's choice when absent.",
    examples: ["build"],
  }),
  prompt: text("the path of a file").optional().meta({
    description: "A template in place of ralph's own prompt; relative to the folder of this file.",
    examples: ["prompts/story.md"],
  }),
  // src/task/gate.ts reads it, and tools/schema.ts describes it.
  verify: z.unknown().optional(),
  protect: z.array(text("a glob"), "a list of globs").optional().meta({
    description: "Files that gates use as they were at the session's start. From the project root.",
    default: [],
    examples: [["tests/**"]],
  }),
  tests: z.enum(["counted", "trusted"], '"counted" or "trusted"').optional().meta({
    description: "Whether tests that vanish or are newly skipped take back the iteration's claim.",
    default: DEFAULT_SETTINGS.tests,
    examples: ["trusted"],
  }),
  // No option for git, and no name that it refuses: git-check-ref-format(1).
  baseBranch: text("the name of a branch", /^(?!-)[^\p{Cc} ~^:?*[\\]+$/u).optional().meta({
    description: "What a task's branch is created from. The current branch when absent.",
    examples: ["main"],
  }),
  limits: limitsSchema.optional().meta({
    description: "When a session, a turn or a wait ends.",
    examples: [{ iterations: 20 }],
  }),
}, "an object");

/** What a file says once it has been checked. */
export type SettingsFile = z.infer<typeof settingsSchema>;
