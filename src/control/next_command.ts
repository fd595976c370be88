/** What a person can do about a session, as words with commands to paste. */
import { whyResumable } from "../loop/session/resumable.ts";
import type { Session, Worktree } from "../store/model.ts";
import { isToldSuspended } from "./suspended.ts";
import { shellWord } from "../terminal/shell_word.ts";

/** Whether the work of a session waits in its worktree to be brought home. */
export function waitsToLand(session: Session, tree: Worktree | undefined): boolean {
  if (session.status !== "completed" || !tree) return false;
  const { landedAt, removedAt } = tree;
  const isHome = landedAt !== null && landedAt >= (session.endedAt ?? session.updatedAt);
  return removedAt === null && !isHome;
}

/** After a look at a session. `tree`: its worktree. */
export function nextCommand(session: Session, tree?: Worktree): string {
  const name = shellWord(session.taskName);
  if (waitsToLand(session, tree)) {
    return `bring it home with \`ralph land ${name}\`, see its iterations with \`ralph history ${name}\``;
  }
  if (isToldSuspended(session)) {
    return `let it go on with \`kill -CONT ${session.workerPid}\`, or end it with \`ralph stop ` +
      `${name} --force\``;
  }
  if (session.status === "running") {
    return `follow it with \`ralph logs ${name} --follow\`, stop it with \`ralph stop ${name}\``;
  }
  if (session.reason === "worker_died" && whyResumable(session)) {
    return `go on with \`ralph run ${name}\`, which takes up its turn, or end what its agent may ` +
      `still do with \`ralph stop ${name}\``;
  }
  if (session.status !== "completed" && whyResumable(session)) {
    return `go on with \`ralph run ${name}\``;
  }
  return commandAfter(session, session.taskName);
}

/** What one would type first of all that `nextCommand` names. `called`: the task's name, or its path. */
export function nextStep(session: Session, called: string, tree?: Worktree): string {
  const name = shellWord(called);
  if (waitsToLand(session, tree)) return `ralph land ${name}`;
  const [run, history] = [`ralph run ${name}`, `ralph history ${name}`];
  const { status, reason } = session;
  const more = moreOf(session);
  if (more !== undefined) return `ralph resume ${name} ${more.map(shellWord).join(" ")}`;
  if (isToldSuspended(session)) return `kill -CONT ${session.workerPid}`;
  if (status === "running") return `ralph logs ${name} --follow`;
  if (status !== "completed" && whyResumable(session)) return run;
  switch (reason) {
    case "unproven":
      return `${run} --accept`;
    case "blocked_on_human":
      return `${run} --say '…'`;
    case "gates_fail":
    case "not_delivered":
    case "no_progress":
    case "review_fails":
    case "provider_error":
      return history;
    case "budget":
      return run;
  }
  return status === "completed" || status === "failed" ? history : run;
}

type End = Pick<Session, "status" | "reason" | "detail" | "iterations"> & {
  earlier?: string | null;
};

/** After a session that has ended. */
export function commandAfter(end: End, taskName: string): string {
  const { status, reason, earlier = null } = end;
  const name = shellWord(taskName);
  const again = `start a new session with \`ralph run ${name}\``;
  const more = moreOf(end);
  if (more !== undefined) {
    return `go on with \`ralph resume ${name} ${more.map(shellWord).join(" ")}\`, or ${again}`;
  }
  if (reason === "user_stop" && earlier === null) {
    return `${again}, or go on with this one: \`ralph resume ${name}\``;
  }
  switch (reason) {
    case "unproven":
      return `accept it with \`ralph run ${name} --accept\`, or ${again}`;
    case "blocked_on_human":
      return `answer with \`ralph run ${name} --say '…'\``;
    case "gates_fail":
      return `see what failed with \`ralph history ${name}\`, fix it or reopen its story, and ${again}`;
    case "not_delivered":
      return `see what is in the way with \`ralph history ${name}\`, mend it, and ${again}`;
    case "worker_ended":
      return `go on with \`ralph run ${name}\``;
    case "story_passes":
      return `go on with the other stories: \`ralph run ${name}\``;
    case "budget":
      return `go on with a new budget: \`ralph run ${name}\``;
    case "review_fails":
      return `see both sides with \`ralph history ${name}\`, mend the work or the story, and go on with ` +
        `\`ralph resume ${name}\`; without its review: \`ralph run ${name} --no-review\``;
    case "no_progress":
    case "provider_error":
      return `see what happened with \`ralph history ${name}\`, ${again}`;
  }
  if (status === "completed") return `see its iterations with \`ralph history ${name}\``;
  if (status === "failed") return `see what happened with \`ralph history ${name}\`, ${again}`;
  if (status === "checkpointed") return `go on with \`ralph run ${name}\``;
  return again;
}

const MORE_ITERATIONS = 10;

/**
 * The option that gives more of what a session has used up, so that it can be resumed; undefined where
 * that is not what ended it. By the words of `spentUp` in `loop/decide.ts`.
 */
export function moreOf(
  { reason, detail, iterations, earlier = null }: End,
): readonly string[] | undefined {
  if (earlier !== null) return undefined;
  if (reason === "max_iterations") return ["-n", String(iterations + MORE_ITERATIONS)];
  if (reason !== "budget") return undefined;
  const found = /limit of (\S+)( tokens?| s| min)? was reached(?: \((\S+).* used\))?/.exec(
    detail ?? "",
  );
  if (!found) return undefined;
  const [limit, used] = [found[1], found[3] ?? "0"].map((text) =>
    Number(text.replaceAll(/[$,]/g, ""))
  );
  const twice = 2 * Math.max(limit, used);
  switch (found[2]) {
    case undefined:
      return ["--max-cost", String(twice < 1 ? Math.ceil(twice * 100) / 100 : Math.ceil(twice))];
    case " s":
      return ["--max-duration", `${Math.ceil(twice)}s`];
    case " min":
      return ["--max-duration", `${Math.ceil(twice)}m`];
    default:
      return ["--max-tokens", String(Math.ceil(twice))];
  }
}
