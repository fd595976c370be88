/**
 * The forms of what commands print with `--json`. `deno run -A tools/json_schemas.ts` writes them
 * into docs/schemas. They are strict here, so that a test sees a field that is not in them; what is
 * published lets fields be, since they may be added.
 */
import * as path from "node:path";
import * as z from "zod";
import { MEANINGS } from "../src/cli/exit_codes.ts";
import type { LoopEvent } from "../src/loop/event.ts";
import { ACTIVITY_KINDS, STATUSES } from "../src/store/model.ts";

const FOLDER = path.join(import.meta.dirname ?? "", "../docs/schemas");

const text = (description: string, ...examples: string[]) =>
  z.string().meta({ description, ...examples.length > 0 && { examples } });
const whole = (description: string) => z.int().meta({ description });
const yes = (description: string) => z.boolean().meta({ description });
const time = (description: string) => z.iso.datetime({ offset: true }).meta({ description });
const usd = (description: string) => z.number().nonnegative().meta({ description });
const ms = (description: string) => z.int().nonnegative().meta({ description });
const words = (description: string) => z.array(z.string()).meta({ description });
const or = <T extends z.ZodType>(schema: T, unknown: string) => {
  const { description, examples } = schema.meta() ?? {};
  return schema.nullable().meta({
    description: `${description}; null: ${unknown}`,
    ...Array.isArray(examples) && { examples },
  });
};

const schema = z.literal(1).meta({ description: "The number of this form" });
const object = <T extends z.ZodRawShape>(shape: T) => z.strictObject({ schema, ...shape });

const session = whole("Number of the session");
const task = text("Name of the task");
const taskDir = text("Folder of the task, or its file where it has none of its own");
const status = text("How the session is", ...STATUSES);
const reason = or(
  text("Why it is no longer running (docs/usage.md has all)", "all_stories_pass", "budget"),
  "it runs",
);
const detail = or(text("The same in words"), "nothing to add");

const usage = z.strictObject({
  inputTokens: whole("Tokens sent"),
  outputTokens: whole("Tokens written by the model"),
  reasoningTokens: whole("Tokens of its thinking"),
  cacheReadTokens: whole("Tokens read from the provider's cache"),
  cacheWriteTokens: whole("Tokens written into it"),
  costUsd: usd("US dollars, as the server quoted them"),
  derivedCostUsd: usd("US dollars, reckoned from prices where the server quoted nothing"),
  modelCalls: whole("Model calls"),
  unpricedCalls: whole("Model calls whose cost nobody knows"),
  uncountedCalls: whole("Model calls whose tokens nobody knows, as of one that broke off"),
}).meta({ id: "usage", description: "What was used" });

const used = or(usage, "unknown");

const questions = z.array(z.strictObject({
  question: text("What a person has to decide"),
  choices: words("Answers to choose from"),
})).meta({ description: "What is open" });
const remarks = words("What the rules of `--check` find in it");
const changed = words("Files that changed while the model looked at the project");

const draftStory = z.strictObject({
  id: text("Id of the story", "US-001"),
  title: text("Its title"),
  description: text("What to do"),
  criteria: words("How one can tell that it is done"),
  dependsOn: words("Ids of stories that come before it"),
});

const sessionFields = {
  id: session,
  task,
  taskDir,
  projectRoot: text("Root of the project"),
  status,
  reason,
  detail,
  activity: or(text("What it does or waits for now"), "nothing is recorded"),
  activitySince: or(time("Since when"), "as above"),
  iteration: whole("Iterations begun so far"),
  maxIterations: or(whole("Number of the last iteration that may be made"), "unknown"),
  story: or(text("Id of the story it works on"), "none"),
  port: or(whole("Port of the OpenCode server, while it runs"), "it does not run"),
  lastServerPort: or(whole("Port of the server it had last"), "unknown"),
  serverUrl: or(text("Address of that server"), "unknown"),
  openCodeSessionId: or(text("The latest OpenCode session"), "none yet"),
  model: or(text("Model that was asked for, as provider/model"), "the server's choice"),
  agent: or(text("Agent that was asked for"), "the server's choice"),
  workerPid: or(whole("Process of the worker, while it runs"), "it does not run"),
  workerUnit: or(text("Unit of systemd that the worker is"), "it is none, or does not run"),
  workerVersion: or(text("Version of ralph that works or worked on it"), "unknown"),
  log: or(text("Path of its log"), "none"),
  said: or(text("A person's answer, for each prompt"), "none"),
  accepted: yes("A person takes the work as done without evidence"),
  onlyStory: or(text("Id of the one story that it works on"), "all of them"),
  startedAt: time("When it began"),
  updatedAt: time("When its record changed last"),
  endedAt: or(time("When it ended"), "it has not"),
  earlier: z.unknown().meta({ description: "What ralph's predecessor had on record; else null" }),
};

const gateFields = {
  passed: yes("Whether it passed"),
  flaky: yes("Whether it failed at first, and passed when it was run again on the same content"),
  why: text("Why, such as its exit code"),
  durationMs: ms("How long it took, in milliseconds"),
};

const claimFields = {
  held: or(yes("Whether it held"), "it was not judged"),
  why: or(text("Why it did not"), "nothing to say"),
};

const about = text(
  "What it is about",
  "prd",
  "protected",
  "tests",
  "git",
  "refused",
  "left",
  "hook",
);
const iterationNumber = whole("Number of the iteration; 0: before the first turn");

const findings = {
  gates: z.array(z.strictObject({
    iteration: iterationNumber,
    final: yes("Of the run of all gates at the end"),
    gate: text("Name of the gate"),
    output: text("What it printed, the end of it"),
    ...gateFields,
  })).meta({ description: "Each run of a gate" }),
  claims: z.array(z.strictObject({
    iteration: iterationNumber,
    storyId: text("Id of the story"),
    ...claimFields,
  })).meta({ description: "Stories that the agent said were done" }),
  notes: z.array(z.strictObject({
    iteration: iterationNumber,
    about,
    text: text("The finding, in words"),
    kind: or(
      text(
        "What it is, for programs: what became of files that a person had not committed (in a commit: " +
          "`persons_file_committed`), how git was set up anew (a remote: `git_remote`), hooks that do " +
          "not run any more, a command in the background that was ended, a PRD that is not committed",
        "persons_file",
        "persons_file_committed",
        "git_setup",
        "git_remote",
        "hooks_off",
        "job_ended",
        "prd_not_committed",
      ),
      "it is only to be read",
    ),
  })).meta({ description: "What the loop found that people should know" }),
};

const reviewOutcome = text(
  "What came of it; only `passed` lets a claim hold",
  "passed",
  "refused",
  "unusable",
  "trouble",
  "interrupted",
  "stopped",
);
const reviewFindings = z.array(z.strictObject({
  storyId: text("Id of the story"),
  criterion: or(text("The criterion, in the PRD's words"), "it was found beside them"),
  met: yes("Whether it is met"),
  what: text("What the reviewer says of it"),
  evidence: z.array(z.strictObject({
    file: text("From the project root"),
    line: whole("Number of the line"),
    there: yes("There is such a line"),
  })).meta({ description: "Where the reviewer says that it sees it" }),
})).meta({ description: "What the reviewer found" });
const reviews = z.array(z.strictObject({
  id: whole("Number of the review"),
  sessionId: session,
  iteration: iterationNumber,
  final: yes("Of all stories, at the end"),
  stories: words("Ids of the stories"),
  openCodeTitle: text("Title of its OpenCode session"),
  openCodeSessionId: or(text("Id of its OpenCode session"), "none was made"),
  model: or(text("Model that was asked for, as provider/model"), "the server's choice"),
  agentSaid: or(text("With what words the agent ended; the reviewer did not see them"), "nothing"),
  outcome: or(reviewOutcome, "it is under way"),
  detail: or(text("The same in words"), "it is under way"),
  findings: reviewFindings,
  usage: used,
  startedAt: time("When it began"),
  promptedAt: or(time("When the prompt was sent"), "it was not"),
  durationMs: or(ms("How long it took, in milliseconds"), "it is under way"),
  endedAt: or(time("When it ended"), "it has not"),
})).meta({ description: "Independent reviews, the oldest first" });

const told = text("Whether it came with a prompt, or in mid-turn", "prompt", "turn");
const toldWhere = z.strictObject({
  session,
  iteration: iterationNumber,
  how: told,
  at: time("When the agent was told"),
}).meta({ description: "Where the agent was told" });
const saidWords = z.array(z.strictObject({
  id: whole("Number of the word"),
  text: text("What a person said"),
  saidAt: time("When"),
  forPrompt: yes("It was meant for the next prompt alone"),
  told: or(toldWhere, "it waits for a prompt"),
})).meta({ description: "What a person said to the loop" });

const sums = {
  usage: or(usage, "of some iteration nothing is known"),
  usageComplete: yes("Whether that is all: what is under way, or broke off, is not in it"),
  maxCostUsd: or(usd("Limit on the cost, in US dollars"), "none"),
  workedMs: or(ms("How long its workers have worked, in milliseconds"), "unknown"),
};

const storiesPassed = words("Ids of the stories that it made pass");
const commits = or(whole("Commits that it made"), "unknown");
const filesChanged = or(whole("Files that it changed"), "unknown");
const outcome = text(
  "What came of it",
  "advanced",
  "worked",
  "nothing",
  "broke",
  "error",
  "timeout",
);

const iteration = z.strictObject({
  sessionId: session,
  number: iterationNumber,
  storyId: or(text("Id of its story"), "unknown"),
  storyTitle: or(text("Title of its story"), "unknown"),
  openCodeTitle: text("Title of its OpenCode session"),
  openCodeSessionId: or(text("Id of its OpenCode session"), "none was made"),
  outcome: or(outcome, "it is under way"),
  detail,
  storiesPassed,
  headBefore: or(text("Commit before it"), "unknown"),
  headAfter: or(text("Commit after it"), "unknown"),
  commits,
  filesChanged,
  usage: used,
  blocked: or(text("What the agent needs of a person"), "nothing"),
  failure: or(text("What the next prompt says about it"), "nothing"),
  failureKey: or(text("Equal for failures that are the same"), "no failure"),
  retryAt: or(time("When the provider that refused may be asked again"), "none refused"),
  counts: yes("Whether it counts against the limit of iterations"),
  abortConfirmed: or(yes("Whether the turn was seen to end"), "no abort was needed"),
  startedAt: time("When it began"),
  promptedAt: or(time("When the prompt was sent"), "it was not"),
  durationMs: or(
    ms("How long its workers, and its turn between them, were at it, in milliseconds"),
    "not recorded",
  ),
  endedAt: or(time("When it ended"), "it has not"),
}).meta({ id: "iteration" });

/** What each event has beside its type and its time. */
const EVENTS: Readonly<Record<LoopEvent["type"] | "nothing_to_do" | "prompt", z.ZodRawShape>> = {
  session_started: {
    session,
    task,
    server: text("Address of the OpenCode server"),
    maxIterations: whole("Number of the last iteration that may be made"),
    continues: text("Why an earlier session goes on, in words").optional(),
    changes: z.array(z.strictObject({
      setting: text("Name of the setting", "limits.iterations"),
      before: z.unknown().meta({ description: "Its value before, as in ralph.json" }),
      now: z.unknown().meta({ description: "Its value now; null: not set" }),
      from: text("What says it now", "default", "ralph.json", "variable", "flag", "PRD"),
    })).meta({ description: "Settings that are not as they were in the session before" }),
    warnings: words("What a person should know before it works"),
    before: z.strictObject({
      workedMs: ms("How long its workers have worked, in milliseconds"),
      usage: used,
    }).meta({ description: "What a session that goes on took before" }).optional(),
    maxCostUsd: usd("Limit on the cost, in US dollars").optional(),
    only: text("Id of the one story that it works on").optional(),
    log: text("Path of the log"),
  },
  iteration_started: {
    number: iterationNumber,
    maxIterations: whole("Number of the last iteration that may be made"),
    story: text("Id of its story"),
    title: text("Title of its story"),
    storiesOpen: whole("Stories that do not pass yet"),
    storiesTotal: whole("All stories"),
  },
  opencode_session: { id: text("Id of the iteration's OpenCode session") },
  activity: {
    kind: text("What it waits for, where it waits", ...ACTIVITY_KINDS).optional(),
    text: text("What it does or waits for"),
    until: time("Until when, where that is known").optional(),
  },
  tool: {
    tool: text("Name of the tool", "bash", "edit"),
    title: text("What it is called for"),
    status: text("How it is, `running` with --verbose alone", "running", "completed", "error"),
    refused: yes("A rule of the user's own settings denies it"),
    exitCode: whole("Of a command that has ended, where OpenCode tells it").optional(),
    subagent: yes("A sub-agent called it"),
  },
  text: {
    text: text("A piece of the agent's answer, complete"),
    subagent: yes("Of a sub-agent"),
  },
  writing: { line: text("With --verbose: the last line of what the agent is writing") },
  used: {
    modelCalls: whole("With --verbose: model calls of the iteration so far"),
    tokens: whole("Tokens so far"),
    costUsd: usd("US dollars so far"),
    model: text("Provider and model that answered last, where that is known").optional(),
  },
  warning: { text: text("What a person should know; nothing stops") },
  protected: {
    files: z.array(z.strictObject({
      path: text("From the project root"),
      entries: words("Only these entries of it").optional(),
    })).meta({ description: "Protected files" }),
    work: words("What gates run or read, and the agent may change"),
    protect: words("The globs of the settings"),
    faults: words("What the globs do not do"),
  },
  gate: { name: text("Name of the gate"), ...gateFields },
  claim: { story: text("Id of the story"), ...claimFields },
  review_started: {
    stories: words("Ids of the stories that are reviewed"),
    model: or(text("Model that was asked for, as provider/model"), "the server's choice"),
  },
  review: {
    stories: words("Ids of the stories that were reviewed"),
    outcome: reviewOutcome,
    detail: text("The same in words"),
    findings: reviewFindings,
    usage: used,
    durationMs: ms("How long it took, in milliseconds"),
  },
  note: { about, text: text("The finding, in words") },
  said: { text: text("What a person said"), to: told },
  answered: {
    asked: text("What the agent asked while nobody was there"),
    answer: text("What it was told"),
  },
  iteration_ended: {
    number: iterationNumber,
    outcome,
    detail: text("The same in words"),
    storiesPassed,
    commits,
    filesChanged,
    usage: used,
    durationMs: ms("How long it took, in milliseconds"),
  },
  session_ended: {
    session,
    task,
    status,
    reason,
    detail: text("The same in words"),
    iterations: whole("Iterations that were made"),
    usage: used,
    spent: usage.extend({ unknownParts: whole("Iterations and reviews of which nothing is known") })
      .meta({ id: "spent", description: "What was used, as far as it is known" }).optional(),
    durationMs: ms("How long its last worker took, in milliseconds"),
    workedMs: ms("How long all its workers took, in milliseconds"),
    gates: z.array(z.strictObject({ name: text("Name"), passed: yes("Whether it passed") }))
      .meta({ description: "Gates as they were when each ran last" }),
    claimsTakenBack: whole("How many claims were taken back"),
    left: words("What is in no commit, or not on the task's branch"),
  },
  nothing_to_do: { task, detail: text("Why no session was started") },
  prompt: {
    task,
    story: text("Id of the story"),
    prompt: text("With --print-prompt, what the agent would be told"),
  },
};

const event = (type: keyof typeof EVENTS) =>
  object({
    at: time("When it happened"),
    type: z.literal(type).meta({ description: "What happened" }),
    task: text("Name of the task, where several are at work at once").optional(),
    ...EVENTS[type],
  }).meta({ title: `\`${type}\`` });
const [started, nothingToDo] = [event("session_started"), event("nothing_to_do")];

const dirs = (description: string) => words(`${description}, each by its folder`);
const dependsOn = dirs("Tasks that have to be completed before it");
const waitsFor = dirs("Tasks that it waits for now");
const ownWorktree = yes("Whether it runs in a worktree of its own");
const queuedTask = object({
  task,
  taskDir,
  projectRoot: text("Root of the project"),
  status: text("How it is in its queue", "queued", "failed", "skipped"),
  activity: or(text("What it waits for"), "it does not wait"),
  detail: or(text("Why it was not run"), "it waits"),
  dependsOn,
  waitsFor,
  ownWorktree,
  queuedAt: time("When it was queued"),
});
const queueEvent = (type: "queued" | "queue_ended") =>
  object({
    at: time("When it happened"),
    type: z.literal(type).meta({ description: "What happened" }),
    projectRoot: text("Root of the project"),
    tasks: z.array(z.strictObject({
      task,
      taskDir,
      state: text("How it is", "waiting", "running", "completed", "failed", "skipped", "removed"),
      dependsOn,
      waitsFor,
      ownWorktree,
      session: or(session, "none is known yet"),
      why: or(text("How it ended"), "it has not"),
    })).meta({ description: "In the order in which they are tried" }),
  });

const leftProcess = z.strictObject({
  pid: whole("Number of the process"),
  command: text("Its command line"),
  ports: z.array(z.int()).meta({ description: "TCP ports that it listens on" }),
}).meta({ id: "process" });
const left = or(
  z.array(leftProcess).meta({ description: "What the agent's commands have left running" }),
  "nobody could look",
);
const ended = z.array(leftProcess).meta({ description: "What of that was ended, by --all" });
const turn = text("What became of the agent's turn", "none", "aborted", "not confirmed");
const checkFields = {
  id: text("Name of the check; it stays", "server.reachable"),
  group: text("Group of the check", "host", "service", "server", "store", "project"),
  title: text("What is true when it passes"),
};

const notRunning = object({
  session,
  task,
  status,
  reason,
  running: z.literal(false).meta({ description: "It was not running" }),
  turn: turn.optional(),
  left: left.optional(),
  ended: ended.optional(),
}).meta({ title: "where no session runs" });

const ofTask = {
  ...sums,
  stories: or(
    z.strictObject({
      passing: whole("Those that pass"),
      total: whole("All"),
      claimed: whole("Those that the turn at work says are done, which is not judged yet"),
    })
      .meta({ description: "Stories of the PRD as it is now" }),
    "the PRD cannot be read",
  ),
  worktree: or(
    z.strictObject({
      root: text("Its root"),
      branch: text("Its branch"),
      base: text("The branch that it was made from, and goes home to"),
    }).meta({ description: "The worktree that the task has, which the session was in" }),
    "it was in none, or that was removed",
  ),
  next: text("The command that makes sense now"),
};

interface Printed {
  /** What it is, for the reader of the list. */
  readonly what: string;
  /** Each object that may be printed. */
  readonly forms: readonly z.ZodObject[];
  /** One object, a list of them, or one in each line. */
  readonly as: "object" | "list" | "lines";
  /** Printed in place of that, as an object. */
  readonly alone?: readonly z.ZodObject[];
}

const awaited = object({ session: or(session, "none has begun"), task, status, reason, detail });

/** By command; `version` is `ralph --version`, and `error` what stands on standard error. */
export const PRINTED: Readonly<Record<string, Printed>> = {
  run: {
    what: "The session that has begun; with --foreground one event in each line, as they come.",
    forms: [
      ...Object.keys(EVENTS).map((type) => event(type as keyof typeof EVENTS)),
      queueEvent("queued").meta({ title: "`queued`: several tasks, in the background" }),
      queueEvent("queue_ended").meta({ title: "`queue_ended`: the last line of several tasks" }),
      started.extend({ status, reason, detail }).meta({
        title: "`session_started`, in the background where only gates are to be run",
      }),
    ],
    as: "lines",
  },
  status: {
    what: "A list of tasks by their latest session, those that run first, then what is queued; " +
      "with a task one object.",
    forms: [
      object({ ...sessionFields, ...ofTask }).meta({ title: "without a task, each" }),
      queuedTask.meta({ title: "without a task, each that is queued, or was not run" }),
      object(sessionFields).meta({ title: "with --sessions, each" }),
    ],
    as: "list",
    alone: [
      queuedTask.meta({ title: "of a task that is queued" }),
      object({
        ...sessionFields,
        ...ofTask,
        ...findings,
        words: saidWords,
        remarks: words("What a person has to know of the PRD"),
      }).meta({ title: "of a task" }),
      object({
        task,
        taskDir,
        projectRoot: text("Root of the project"),
        status: z.literal("starting").meta({ description: "Its session has not begun yet" }),
        activity: text("What it waits for"),
        workerPid: whole("Process of the worker"),
        startedAt: time("When it began"),
      }).meta({ title: "of a task whose session has not begun yet" }),
    ],
  },
  history: {
    what: "A list of the task's sessions, the latest first.",
    forms: [
      object({
        ...sessionFields,
        ...sums,
        iterations: z.array(iteration).meta({ description: "Its iterations" }),
        ...findings,
        words: saidWords,
        reviews,
      }),
    ],
    as: "list",
  },
  show: {
    what: "One iteration whole.",
    forms: [
      object({
        session: z.strictObject(sessionFields).meta({ description: "Its session" }),
        ...iteration.shape,
        standing: text("What still holds of it"),
        prompt: or(text("What the agent was told"), "not on record"),
        log: words("What the log has of it"),
        ...findings,
        reviews,
        gitCommits: or(
          z.array(z.strictObject({
            id: text("Id of the commit"),
            author: text("Name of its author"),
            committedAt: text("When it was made"),
            subject: text("First line of its message"),
            body: text("The rest of it"),
            files: z.array(z.strictObject({
              path: text("From the project root"),
              added: or(whole("Lines added"), "git takes it for binary"),
              deleted: or(whole("Lines deleted"), "git takes it for binary"),
            })).meta({ description: "What it changed" }),
            isMerge: yes("It has several parents"),
          })).meta({ description: "Commits that came of it, the oldest first" }),
          "git does not tell",
        ),
        gitCommitsLeftOut: or(whole("Older ones that are not listed"), "git does not tell"),
        answers: z.array(z.strictObject({
          asked: text("What the agent asked"),
          answer: text("What it was told"),
          at: or(time("When"), "unknown"),
        })).meta({ description: "Questions while nobody was there" }),
      }),
    ],
    as: "object",
  },
  plan: {
    what: "The draft of a new task; of --revise what was changed; of --check what was found.",
    forms: [
      object({
        task,
        findings: z.array(z.strictObject({
          story: or(text("Id of the story"), "the PRD as a whole"),
          kind: text("What it is about", "uncheckable", "large", "dependency", "gate"),
          text: text("What is wrong, in words"),
        })).meta({ description: "What was found" }),
        usage: or(usage, "no model was asked, or it is unknown"),
      }),
      object({
        task,
        written: yes("Whether the PRD is another one now"),
        kept: or(text("Path of the PRD as it would be"), "it was written, or nothing is to be"),
        changes: words("Each change, in words"),
        questions,
        remarks,
        changed,
        told: or(toldWhere, "no turn is at work, or the next prompt has it"),
        usage: used,
      }),
      object({
        task,
        prd: or(text("Path of the PRD that was written"), "nothing was written"),
        kept: or(text("Path of the draft as a PRD"), "it was written"),
        draft: z.strictObject({
          name: task,
          title: text("What it is about"),
          description: text("The same in a few sentences"),
          stories: z.array(draftStory).meta({ description: "In the order of the work" }),
          gates: words("Commands that have to succeed before a story passes"),
          nonGoals: words("What is not to be done"),
          questions,
        }).meta({ description: "What the model drafted" }),
        remarks,
        changed,
        usage: used,
      }),
    ],
    as: "object",
  },
  edit: {
    what: "What was changed of the PRD.",
    forms: [
      object({
        task,
        changed: yes("Whether the PRD is another one now"),
        changes: words("Each change, in words"),
        told: or(toldWhere, "the next prompt has it"),
      }),
    ],
    as: "object",
  },
  say: {
    what: "What becomes of the words.",
    forms: [
      object({
        task,
        words: whole("Number of the word"),
        running: yes("Whether a session runs"),
        told: or(toldWhere, "they wait for a prompt"),
      }),
    ],
    as: "object",
  },
  logs: {
    what: "The lines of the log, one object in each line.",
    forms: [
      object({
        session,
        iteration: or(iterationNumber, "before the first"),
        at: or(time("When it was written"), "unknown"),
        text: text("The line"),
        exitCode: or(whole("Of the command that it tells of"), "none, or not told"),
      }),
    ],
    as: "lines",
  },
  init: {
    what: "What was written.",
    forms: [
      object({
        file: text("Path of ralph.json"),
        written: yes("Whether it was written"),
        verify: or(
          z.array(z.array(z.string())).meta({
            description: "The checks that were found, each a program and its arguments",
          }),
          "the file is there, and stays",
        ),
      }),
    ],
    as: "object",
  },
  attach: {
    what: "What would be opened.",
    forms: [
      object({
        openCodeSessionId: text("Id of the OpenCode session"),
        directory: text("Folder that it belongs to"),
        serverUrl: text("Address of the OpenCode server"),
        command: words("The command that opens it, and its arguments"),
      }),
    ],
    as: "object",
  },
  wait: {
    what: "How the session ended, or that it has not. Of several tasks, or with `--all`, a list.",
    forms: [awaited],
    as: "list",
    alone: [awaited],
  },
  stop: {
    what: "What was confirmed; with --all one line for each session that was at work.",
    forms: [
      object({
        session,
        task,
        status,
        reason,
        turn,
        turnDetail: or(text("Why it is not confirmed"), "nothing to say"),
        workerGone: yes("Whether the worker has ended"),
        forced: yes("Whether it was killed"),
        left,
        ended,
        notStored: or(text("Why the end is not on record"), "it is"),
        tookMs: ms("From the request to the end, in milliseconds"),
      }).meta({ title: "of a session that ran" }),
      notRunning,
      object({
        task,
        taskDir,
        was: z.literal("starting").meta({ description: "Its session had not begun" }),
        workerPid: whole("Process of the worker"),
      }).meta({ title: "of a worker whose session had not begun yet" }),
      object({
        was: z.literal("queued").meta({ description: "No session of them had begun" }),
        removed: z.array(z.strictObject({ task, taskDir })).meta({ description: "All of them" }),
      }).meta({ title: "of queued tasks" }),
    ],
    as: "lines",
  },
  checkpoint: {
    what: "That the session was asked to pause.",
    forms: [
      object({
        session,
        task,
        asked: z.literal(true).meta({ description: "It will pause after this iteration" }),
      }).meta({ title: "of a session that runs" }),
      notRunning,
    ],
    as: "object",
  },
  resume: {
    what: "Each session that goes on, one in each line.",
    forms: [
      started,
      nothingToDo,
      queueEvent("queued").meta({ title: "`queued`: a queue that goes on" }),
    ],
    as: "lines",
  },
  tasks: {
    what: "A list of the project's tasks.",
    forms: [
      object({
        task,
        taskDir,
        passing: or(whole("Stories that pass"), "the PRD cannot be read"),
        total: or(whole("All stories"), "the PRD cannot be read"),
        next: or(text("Id of the story that is next"), "none"),
        status: or(text("How its latest session is", ...STATUSES), "it has none"),
        queued: or(text("What it waits for in a queue", "after `one`"), "it is in none"),
        leftOut: words("Ids of stories that a person has taken out"),
        remarks: words("What else a person has to know of the PRD"),
        problem: or(text("Why the PRD cannot be read"), "it can"),
      }),
    ],
    as: "list",
  },
  verify: {
    what: "A list of the gates and what each showed.",
    forms: [
      object({
        name: text("Name of the gate"),
        ...gateFields,
        lacks: words("What it seems to lack of this machine"),
        output: text("What it printed"),
      }),
    ],
    as: "list",
  },
  land: {
    what: "How the branch was brought home.",
    forms: [
      object({
        task,
        how: text("What was done", "merged", "fast_forward", "rebased", "nothing_to_land"),
        branch: text("The task's branch"),
        base: text("The branch that it went to"),
        commit: text("What that is at now"),
        worktree: text("Root of the worktree"),
        storiesOpen: or(whole("Stories of the task that are open"), "the PRD cannot be read"),
      }),
    ],
    as: "object",
  },
  review: {
    what: "The verdict, with what the gates showed before.",
    forms: [
      object({
        outcome: reviewOutcome,
        detail: text("The same in words"),
        findings: reviewFindings,
        usage: used,
        durationMs: ms("How long it took, in milliseconds"),
        gates: z.array(z.strictObject({
          gate: text("Name of the gate"),
          output: text("What it printed, the end of it"),
          ...gateFields,
        })).meta({ description: "What the gates showed" }),
      }),
    ],
    as: "object",
  },
  new: {
    what: "The new task.",
    forms: [object({ task, taskDir, prd: text("Path of its PRD") })],
    as: "object",
  },
  doctor: {
    what: "All checks; with --list only their names.",
    forms: [
      object({
        ok: yes("Whether none failed"),
        checks: z.array(z.strictObject({
          ...checkFields,
          level: text("What it found", "ok", "warn", "fail", "skip"),
          found: or(text("What is there"), "nothing was looked at"),
          because: or(text("Why that matters, or why it was skipped"), "it is well"),
          remedy: z.array(z.strictObject({
            text: text("What to do"),
            command: text("A command to paste").optional(),
          })).meta({ description: "What fixes it" }),
          ms: ms("How long it took, in milliseconds"),
        })).meta({ description: "In the order in which they build on one another" }),
      }).meta({ title: "what was found" }),
      object({
        checks: z.array(z.strictObject(checkFields)).meta({ description: "All there are" }),
      }).meta({ title: "with --list" }),
    ],
    as: "object",
  },
  clean: {
    what: "The ended sessions; with --worktrees the worktrees, with --server OpenCode's sessions.",
    forms: [
      object({
        found: z.array(z.strictObject({ id: session, task })).meta({ description: "All of them" }),
        forgotten: whole("How many were forgotten"),
        dryRun: yes("Whether it was --dry-run"),
      }).meta({ title: "without --worktrees and --server" }),
      object({
        worktrees: z.array(z.strictObject({
          task,
          root: text("Its root"),
          branch: text("Its branch"),
          stays: or(text("Why it is not removed"), "it can be"),
          branchToo: yes("Whether the branch is removed with it"),
        })).meta({ description: "All that there are" }),
        removed: whole("How many were removed"),
        dryRun: yes("Whether it was --dry-run"),
      }).meta({ title: "with --worktrees" }),
      object({
        sessions: z.array(z.strictObject({
          openCodeSession: text("Its id on the server"),
          task,
          session,
          endedAt: time("When that session ended"),
          stays: or(text("Why it is not deleted"), "it can be"),
        })).meta({ description: "Those that are old enough, and still there" }),
        deleted: whole("How many were deleted"),
        dryRun: yes("Whether it was --dry-run"),
      }).meta({ title: "with --server" }),
    ],
    as: "object",
  },
  upgrade: {
    what: "Whether there is a newer release; with --check.",
    forms: [
      object({
        current: text("This version"),
        latest: text("The newest release"),
        newer: yes("Whether that is newer"),
      }),
    ],
    as: "object",
  },
  version: {
    what: "Versions.",
    forms: [
      object({
        ralph: text("Of ralph"),
        deno: text("Of Deno, which it runs on"),
        sqlite: text("Of SQLite"),
        target: text("The platform it was built for", "x86_64-unknown-linux-gnu"),
      }),
    ],
    as: "object",
  },
  error: {
    what: "What went wrong, as the last line on standard error.",
    forms: [
      object({
        error: z.strictObject({
          kind: text(
            "What kind of error",
            "usage",
            "not_found",
            "conflict",
            "unavailable",
            "interrupted",
          ),
          code: z.literal(MEANINGS.map(([code]) => code)).meta({ description: "The exit code" }),
          message: text("What was attempted, and why it failed"),
          hints: z.array(z.strictObject({
            text: text("What may help"),
            command: text("A command to paste").optional(),
          })).meta({ description: "What to do about it" }),
        }).meta({ description: "The error" }),
      }),
    ],
    as: "object",
  },
};

/** Of the whole output of a command; where one object is in each line, of a line. */
export function printedSchema({ forms, as, alone = [] }: Printed): z.ZodType {
  const one = forms.length > 1 ? z.union(forms) : forms[0];
  return alone.length > 0 ? z.union([z.array(one), ...alone]) : as === "list" ? z.array(one) : one;
}

/** The text of docs/schemas/<command>.json. */
export function schemaFile(name: string): string {
  const { what } = PRINTED[name];
  const title = name === "error" ? "An error of ralph" : `ralph ${name} --json`;
  const published = z.toJSONSchema(
    printedSchema(PRINTED[name]).meta({ title, description: what }),
    {
      override({ jsonSchema }) {
        delete jsonSchema.additionalProperties;
        // what any whole number of JavaScript is
        if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
        if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      },
    },
  );
  return JSON.stringify(published, null, 2) + "\n";
}

if (import.meta.main) {
  await Deno.mkdir(FOLDER, { recursive: true });
  for (const name of Object.keys(PRINTED)) {
    await Deno.writeTextFile(path.join(FOLDER, `${name}.json`), schemaFile(name));
  }
}
