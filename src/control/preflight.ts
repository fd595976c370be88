/** What is looked at before a worker is started, so that it is reported at once, and not by the worker. */
import type { Context } from "../app/context.ts";
import { modelsOf } from "../app/models.ts";
import type { Models } from "../doctor/probes.ts";
import { type ErrorKind, type Hint, RalphError } from "../error.ts";
import { chooseAgent } from "../loop/server/editing_agent.ts";
import { whyResumable } from "../loop/session/resumable.ts";
import type { OpenCode } from "../opencode/client.ts";
import { mayEdit } from "../opencode/agent_rules.ts";
import { OpenCodeError } from "../opencode/error.ts";
import { type Limits, modelName, type Settings } from "../settings/settings.ts";
import type { ReadOnlyStore } from "../store/store.ts";
import type { Agenda } from "../task/agenda.ts";
import { didYouMean } from "../task/did_you_mean.ts";
import type { Task } from "../task/task_files.ts";
import type { Gate } from "../task/gate.ts";
import { unwritten } from "../task/new_prd.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { allGates } from "../verify/claims.ts";
import { readSessions } from "./liveness.ts";
import { moreOf } from "./next_command.ts";
import { treeTaken } from "./tree_taken.ts";
import { plural } from "../terminal/plural.ts";
import { storiesAreOpen } from "../task/stories_open.ts";

/** Throws `RalphError` (`usage`) when there is no finished work that could be accepted. */
export function requireSomethingToAccept(
  context: Context,
  { task, agenda }: { task: Task; agenda: Agenda },
): void {
  const open = agenda.stories.filter((story) => !story.passes).length;
  if (open > 0) {
    throw new RalphError(
      "usage",
      `cannot accept \`${task.name}\`: ${storiesAreOpen(open, agenda.stories.length)}`,
      [{ text: "go on with it", command: `ralph run ${shellWord(task.name)}` }],
    );
  }
  if (task.prdPath) return;
  const reason = readSessions(context, {
    read: (store) => store.lastSession(task.dir)?.reason,
    whenEmpty: undefined,
  });
  if (reason === "unproven") return;
  throw new RalphError(
    "usage",
    `cannot accept \`${task.name}\`: its last session did not end with a claim that is unproven`,
    [{ text: "see how it ended", command: `ralph status ${shellWord(task.name)}` }],
  );
}

/**
 * Throws `RalphError` when a person cannot go on with the task's last session: `not_found` where there
 * is none, `usage` where it has completed, or what ended it would end it again. `limits`: of the command
 * line.
 */
export function requireResumable(
  context: Context,
  task: Task,
  limits: Partial<Limits>,
): void {
  const read = (store: ReadOnlyStore) => store.lastSession(task.dir);
  const last = readSessions(context, { read, whenEmpty: undefined });
  const anew = { text: "begin a new one", command: `ralph run ${shellWord(task.name)}` };
  const refusal = (why: string, hint: Hint = anew, kind: ErrorKind = "usage") =>
    new RalphError(kind, `cannot resume \`${task.name}\`: ${why}`, [hint]);
  if (!last) throw refusal("no session of it was ever started", anew, "not_found");
  const { status, reason, earlier, iterations, maxIterations } = last;
  if (earlier !== null) throw refusal("its last session is of an earlier program");
  if (status === "completed") throw refusal("its last session has completed");
  if (reason === "story_passes") throw refusal("its last session was for one story, which passes");
  const made = maxIterations ?? iterations;
  const more = moreOf(last);
  if (reason === "max_iterations" && more && (limits.iterations ?? 0) <= made) {
    throw refusal(`its limit of ${plural(made, "iteration")} is reached`, {
      text: "allow more, those that were made included",
      command: `ralph resume ${shellWord(task.name)} ${more.map(shellWord).join(" ")}`,
    });
  }
  const { costUsd, tokens, durationMs } = limits;
  if (reason === "budget" && costUsd === undefined && !tokens && !durationMs) {
    throw refusal(
      plain(last.detail ?? "its budget is spent", 200),
      more === undefined
        ? {
          text:
            "allow more with `--max-cost`, `--max-tokens` or `--max-duration`: what was used counts",
        }
        : {
          text: "allow more, what was used included",
          command: `ralph resume ${shellWord(task.name)} ${more.map(shellWord).join(" ")}`,
        },
    );
  }
}

/** Throws `RalphError` (`usage`) when a story is still as `ralph new` made it: an agent would do that. */
export function requireWritten(task: Task, { stories }: Agenda): void {
  const ids = unwritten(stories).map(({ id }) => id);
  if (ids.length === 0 || task.prdPath === undefined) return;
  const which = ids.map((id) => plain(id, 40)).join(", ");
  throw new RalphError(
    "usage",
    `cannot run \`${task.name}\`: ${which} of ${plain(task.prdPath, 200)} ${
      ids.length === 1 ? "is" : "are"
    } as \`ralph new\` made ${ids.length === 1 ? "it" : "them"}`,
    [{
      text: "write what is to be done, and remove what is only an example",
      command: `\${EDITOR:-vi} ${shellWord(task.prdPath)}`,
    }],
  );
}

/**
 * Why a run of one story would do nothing, in words; undefined when it is open. Throws `RalphError`:
 * `not_found` where there is none of that id, `usage` where stories that it depends on are open.
 */
export function onlyDone(task: Task, { stories }: Agenda, only: string): string | undefined {
  const story = stories.find(({ id }) => id === only);
  const shown = plain(only, 60);
  if (!story) {
    const ids = stories.map(({ id }) => id);
    const near = didYouMean(only, ids);
    throw new RalphError("not_found", `\`${task.name}\` has no story \`${shown}\` to work on`, [
      ...near ? [{ text: `did you mean \`${plain(near, 60)}\`?` }] : [],
      { text: `it has: ${plain(ids.slice(0, 20).join(", "), 400)}${ids.length > 20 ? ", …" : ""}` },
    ]);
  }
  if (story.passes) return `${shown} is said to pass already; other stories are open`;
  const open = story.dependsOn.find((id) => stories.some((one) => one.id === id && !one.passes));
  if (open === undefined) return undefined;
  const first = plain(open, 60);
  throw new RalphError(
    "usage",
    `cannot work on ${shown} alone: it depends on ${first}, which is open`,
    [
      {
        text: "do that one first",
        command: `ralph run ${shellWord(task.name)} --only ${shellWord(open)}`,
      },
    ],
  );
}

/**
 * Why a run would do nothing, in words: all stories pass, no gate can say otherwise, and no session
 * waits to be ended. Undefined when there is something to do.
 */
export function nothingToDo(
  context: Context,
  { task, agenda, verify }: { task: Task; agenda: Agenda; verify: readonly Gate[] },
): string | undefined {
  const { stories } = agenda;
  const gates = allGates(verify, agenda);
  if (!task.prdPath || gates.length > 0 || stories.some(({ passes }) => !passes)) return undefined;
  const last = readSessions(context, {
    read: (store) => store.lastSession(task.dir),
    whenEmpty: undefined,
  });
  const owed = ["unproven", "review_fails"];
  if (last && (owed.includes(last.reason ?? "") || whyResumable(last))) return undefined;
  const all = stories.length === 1
    ? "its story passes"
    : `all ${plural(stories.length, "story")} pass`;
  return `${all} already, and there are no gates to run: no session was started`;
}

/** Throws `RalphError` (`conflict`) when the session of another task has the same working tree. */
export function requireFreeTree(context: Context, task: Task): void {
  const [other] = readSessions(context, { read: (store) => store.running(), whenEmpty: [] })
    .filter(({ projectRoot, taskDir }) => projectRoot === task.projectRoot && taskDir !== task.dir);
  if (!other) return;
  const who = `session ${other.id}, process ${other.workerPid ?? "unknown"}`;
  throw treeTaken(task, { task: other.taskName, taskDir: other.taskDir, who });
}

/** What a session will work with. */
export interface Chosen {
  /** Undefined where the server does not tell in time: the loop asks it again. */
  models?: Models;
  /** The agent, in words; safe to show. */
  agent: string;
  /** That the agent which a setting names may do nothing but plan. */
  mayNotEdit?: boolean;
}

/**
 * Asks the server in the project. Throws `RalphError`: `not_found` for a model or an agent that the
 * server does not have, `usage` where none is named and its own may not edit, and `OpenCodeError` where
 * it can do nothing at all.
 */
export async function requireChoices(
  client: OpenCode,
  { model, agent, review }: Pick<Settings, "model" | "agent" | "review">,
): Promise<Chosen> {
  const name = model && modelName(model);
  const choice = client.agentChoice();
  const asked = modelsOf(client, { model: name, agent, choice });
  const reviewer = review && review.model;
  const named = [
    ...name === undefined ? [] : [{ name, whose: "" }],
    ...reviewer ? [{ name: modelName(reviewer), whose: ", the reviewer's (`review.model`)" }] : [],
  ];
  for (const { name, whose } of named) {
    const known = (await asked).providers.flatMap(({ models }) => models);
    requireKnown("model", name, { known, whose });
  }
  const [models, words] = await Promise.all([
    asked.catch(unlessMisconfigured),
    agent === undefined ? editingAgentWords(choice) : namedAgent(client, { agent, choice }),
  ]);
  return { models, ...typeof words === "string" ? { agent: words } : words };
}

async function namedAgent(
  client: OpenCode,
  { agent, choice }: { agent: string; choice: Asking },
): Promise<Omit<Chosen, "models">> {
  requireKnown("agent", agent, { known: await client.agents() });
  const asked = await choice.catch(unlessMisconfigured);
  const found = asked?.agents.find(({ name }) => name === agent);
  return { agent: plain(agent, 60), mayNotEdit: found !== undefined && !mayEdit(found) };
}

type Asking = ReturnType<OpenCode["agentChoice"]>;

/** A server that does not tell in time is asked again by the loop. */
function unlessMisconfigured(error: unknown): undefined {
  if (!(error instanceof OpenCodeError) || error.problem === "misconfigured") throw error;
}

async function editingAgentWords(asking: Asking): Promise<string> {
  const asked = await asking.catch(unlessMisconfigured);
  if (!asked) return NOT_KNOWN;
  const choice = chooseAgent(asked);
  if (choice.kind === "default") {
    return choice.agent === undefined ? NOT_KNOWN : plain(choice.agent, 60);
  }
  const name = plain(choice.instead, 60);
  if (choice.kind === "named") {
    return `${choice.agent}, since the server's default \`${name}\` may not edit files`;
  }
  throw new RalphError("usage", `the server's default agent \`${name}\` may not edit files`, [
    { text: `the server has: ${plain(asked.agents.map((one) => one.name).join(", "), 200)}` },
    { text: "name one that may edit with `--agent`, or as `agent` in ralph.json" },
  ]);
}

const NOT_KNOWN = "the server's default one";

/** `whose`: what names it, for what is not the agent's. */
function requireKnown(
  what: string,
  name: string,
  { known, whose = "" }: { known: readonly string[]; whose?: string },
): void {
  if (known.includes(name)) return;
  const near = didYouMean(name, known);
  throw new RalphError("not_found", `the server has no ${what} \`${name}\`${whose}`, [
    ...(near ? [{ text: `did you mean \`${near}\`?` }] : []),
    { text: `it has: ${known.slice(0, 20).join(", ")}${known.length > 20 ? ", …" : ""}` },
  ]);
}
