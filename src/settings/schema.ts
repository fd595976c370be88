/**
 * The form of `ralph.json` and `config.json`. Error texts complete `… must be`. `examples` are what
 * errors show; descriptions and defaults are for the JSON Schema that tools/schema.ts makes.
 */
import * as z from "zod";
import { BRANCH_NAME } from "../task/branch_name.ts";
import { globProblem } from "./glob.ts";
import { DEFAULT_REVIEW, DEFAULT_SETTINGS, DURATION_MS_MAX, MINUTE_MS } from "./settings.ts";
import { MODEL, WANTED } from "./values.ts";

const { limits } = DEFAULT_SETTINGS;

/** Not empty, on one line. */
function text(wanted: string, pattern = /^[^\p{Cc}]+$/u) {
  return z.string(wanted).regex(pattern, wanted);
}

const glob = text("a glob").superRefine((value, context) => {
  const problem = globProblem(value);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

const argumentList = z.array(z.string("an argument"), "a list of a program and its arguments")
  .min(1, "a list of a program and its arguments");

const absolutePath = text("an absolute path", /^\/[^\p{Cc}]*$/u);

const count = z.int(WANTED.count).min(1, WANTED.count);

const minutesMax = DURATION_MS_MAX / MINUTE_MS;
const minutesWanted = `a number of minutes above 0, and ${minutesMax} (24 days) at most`;
const minutes = z.number(minutesWanted).positive(minutesWanted).max(minutesMax, minutesWanted);

const moneyWanted = "an amount in US dollars above 0";

export const limitsSchema = z.strictObject({
  iterations: count.optional().meta({
    description: "Iterations of one session.",
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
    description:
      "How long the agent may be silent, and run no tool, while the server lists it as at work.",
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

export const reviewSchema = z.strictObject({
  model: text(WANTED.model, MODEL).optional().meta({
    description: "The reviewer's model, as provider/model. The session's when absent.",
    examples: ["openai/gpt-5"],
  }),
  rounds: count.optional().meta({
    description: "Refusals of the same story in a row that end the session.",
    default: DEFAULT_REVIEW.rounds,
    examples: [3],
  }),
  when: z.enum(["story", "end"], '"story" or "end"').optional().meta({
    description: "Before each story counts as done, or once before the task does.",
    default: DEFAULT_REVIEW.when,
    examples: ["end"],
  }),
}, "an object, or false");

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
  outside: z.array(absolutePath, "a list of folders").optional()
    .meta({
      description:
        "Folders outside of the project that a task may be in, or lead to by a link. Only in your own settings.",
      default: [],
      examples: [["/home/me/tasks"]],
    }),
  // src/task/gate.ts reads it, and tools/schema.ts describes it.
  verify: z.unknown().optional(),
  gateEnv: z.array(
    text("the name of a variable, or its beginning and `*`", /^[A-Za-z_]\w*\*?$/),
    "a list of variables",
  ).optional().meta({
    description: "Variables of your shell that gates get beside the usual ones.",
    default: [],
    examples: [["DATABASE_URL", "AWS_*"]],
  }),
  protect: z.array(glob, "a list of globs").optional().meta({
    description:
      "Files as of the session's start with which gates have to pass too, as globs from " +
      "the project root. `!glob` gives files to the agent.",
    default: [],
    examples: [["tests/**", "build.mjs", "!app.js"]],
  }),
  tests: z.enum(["counted", "trusted"], '"counted" or "trusted"').optional().meta({
    description: "Whether tests that vanish or are newly skipped take back the iteration's claim.",
    default: DEFAULT_SETTINGS.tests,
    examples: ["trusted"],
  }),
  commit: z.enum(["ralph", "agent"], '"ralph" or "agent"').optional().meta({
    description: "Who commits what a claim that holds leaves uncommitted.",
    default: DEFAULT_SETTINGS.commit,
    examples: ["agent"],
  }),
  finish: z.enum(["commit", "tree"], '"commit" or "tree"').optional().meta({
    description:
      "Where all gates run before a session completes: in a clean checkout, or in the work tree.",
    default: DEFAULT_SETTINGS.finish,
    examples: ["tree"],
  }),
  review: z.union([z.literal(false), reviewSchema], "an object, or false").optional().meta({
    description:
      "An independent review of the work, by a model that cannot write. None when absent.",
    examples: [{ model: "openai/gpt-5", when: "end" }],
  }),
  baseBranch: text("the name of a branch", BRANCH_NAME).optional().meta({
    description: "What a task's branch is created from. The current branch when absent.",
    examples: ["main"],
  }),
  worktree: z.boolean("true or false").optional().meta({
    description: "Whether a task gets a git worktree of its own when it begins.",
    default: DEFAULT_SETTINGS.worktree,
    examples: [true],
  }),
  worktreeIn: z.enum(["beside", "data"], '"beside" or "data"').optional().meta({
    description: "Where worktrees are: in a folder beside the project, or among ralph's data.",
    default: DEFAULT_SETTINGS.worktreeIn,
    examples: ["data"],
  }),
  // src/task/gate.ts reads it, and tools/schema.ts describes it.
  setup: z.unknown().optional(),
  copy: z.array(glob, "a list of globs").optional().meta({
    description: "Files that git does not have, which a new worktree gets copies of, as globs.",
    default: [],
    examples: [[".env"]],
  }),
  dependsOn: z.record(
    text("the name of a task"),
    z.array(text("the name of a task"), "a list of tasks"),
    "an object of lists, by the names of tasks",
  ).optional().meta({
    description: "For a task, those that have to be completed before it.",
    default: {},
    examples: [{ checkout: ["login", "cart"] }],
  }),
  onEnd: argumentList.optional().meta({
    description:
      "A command that is told of each session's end. Only in your own settings, unless hooksFrom allows it.",
    examples: [["curl", "-d", "@-", "https://ntfy.sh/my-topic"]],
  }),
  onBlocked: argumentList.optional().meta({
    description: "The same for a session that ended since the agent needs a person.",
    examples: [["/home/me/bin/wake-me"]],
  }),
  onIteration: argumentList.optional().meta({
    description: "The same for the end of each iteration.",
    examples: [["/home/me/bin/count"]],
  }),
  notify: z.boolean("true or false").optional().meta({
    description: "Whether a session's end is shown on the desktop, and rings the terminal's bell.",
    default: DEFAULT_SETTINGS.notify,
    examples: [true],
  }),
  hooksFrom: z.array(absolutePath, "a list of folders").optional().meta({
    description:
      "Projects whose ralph.json may name such commands, too. Only in your own settings.",
    default: [],
    examples: [["/home/me/shop"]],
  }),
  turnsAtOnce: count.optional().meta({
    description:
      "Turns of all your sessions that are at work on the server at once. Four for each core when absent. " +
      "Only in your own settings.",
    examples: [8],
  }),
  limits: limitsSchema.optional().meta({
    description: "When a session, a turn or a wait ends.",
    examples: [{ iterations: 20 }],
  }),
}, "an object");

/** What a file says once it has been checked. */
export type SettingsFile = z.infer<typeof settingsSchema>;
