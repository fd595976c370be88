/** `ralph clean --server`: deletes OpenCode sessions that ralph has made and nobody needs any more. */
import { clientOf } from "../app/server_client.ts";
import type { Context } from "../app/context.ts";
import { readSessions } from "../control/liveness.ts";
import { fileExists } from "../host/files/read_file.ts";
import { whyResumable, whyResumed } from "../loop/session/resumable.ts";
import type { OpenCode } from "../opencode/client.ts";
import { ignoreServerFailure, OpenCodeError } from "../opencode/error.ts";
import type { Session } from "../store/model.ts";
import type { ReadOnlyStore } from "../store/store.ts";
import { ago, plural } from "../terminal/format.ts";
import { commandJson } from "../terminal/json_text.ts";
import { plain } from "../terminal/plain.ts";
import { table } from "../terminal/table.ts";
import type { CommandContext } from "./command_context.ts";
import { EXIT } from "./exit_codes.ts";
import { confirmed } from "./output/confirm.ts";
import { columnsOf } from "./output/streams.ts";
import { chooseSession } from "./select/sessions.ts";

/** What a session of ralph's has left on its server. */
interface Left {
  session: Session;
  /** The tree that it worked in is there no more, as of a worktree that was landed and removed. */
  isGone: boolean;
  /** Ids of OpenCode sessions. */
  made: readonly string[];
  /** Why none of it is deleted. */
  stays?: string;
}

/** What is still there of it. */
interface Found {
  session: Session;
  isGone: boolean;
  client?: OpenCode;
  free: readonly string[];
  stay: readonly Staying[];
}

interface Staying {
  id: string;
  why: string;
}

const ALL = 1_000_000;
const LISTED_MAX = 20;
/** What a server still writes of a session after its end. */
const SETTLED_MS = 60_000;

export async function cleanServer(
  context: CommandContext,
  { task, olderThanMs, dryRun, yes, json }: {
    task?: string;
    olderThanMs: number;
    dryRun: boolean;
    yes: boolean;
    json: boolean;
  },
): Promise<number> {
  const { out, err } = context.output;
  const chosen = task === undefined ? undefined : chooseSession(context, task, { changes: true });
  const left = leftOnServer(context, { taskDir: chosen?.taskDir, olderThanMs });
  const found = await lookAtAll(context, left);
  if (!json) tell(context, found);
  const count = found.reduce((sum, { free }) => sum + free.length, 0);
  const agreed = count > 0 && !dryRun && (yes || await ask(context, count, { task, olderThanMs }));
  const deleted = agreed ? await deleteAll(context, found) : 0;
  if (json) {
    const sessions = found.flatMap(({ session: { id, taskName, endedAt }, free, stay }) =>
      [...free.map((made) => ({ id: made, why: null })), ...stay].map((made) => ({
        openCodeSession: made.id,
        task: taskName,
        session: id,
        endedAt,
        stays: made.why,
      }))
    );
    out.line(commandJson({ sessions, deleted, dryRun }));
  } else if (agreed) out.line(`deleted ${plural(deleted, "OpenCode session")}`);
  else if (count > 0) err.line("nothing was changed");
  return EXIT.done;
}

/** Of sessions that ended so long ago. What the predecessor recorded says not which it has made. */
function leftOnServer(
  context: Context,
  { taskDir, olderThanMs }: { taskDir: string | undefined; olderThanMs: number },
): readonly Left[] {
  const until = context.clock.now() - olderThanMs;
  return readSessions<readonly Left[]>(context, {
    read: (store) =>
      (taskDir === undefined
        ? store.sessions({ limit: ALL })
        : store.sessionsOf(taskDir, { limit: ALL }))
        .filter(({ endedAt }) => endedAt !== null && Date.parse(endedAt) < until)
        .map((session) => {
          const isGone = !fileExists(session.projectRoot);
          // What has lost its tree goes on nowhere.
          const stays = isGone ? undefined : whyNeeded(store, session);
          return { session, isGone, made: madeFor(store, session.id), stays };
        })
        .filter(({ made }) => made.length > 0),
    whenEmpty: [],
  });
}

function madeFor(store: ReadOnlyStore, sessionId: number): readonly string[] {
  return [...store.iterations(sessionId), ...store.reviews(sessionId)]
    .flatMap(({ openCodeSessionId }) => openCodeSessionId ?? []);
}

function whyNeeded(store: ReadOnlyStore, session: Session): string | undefined {
  const { taskDir } = session;
  if (store.running().some((one) => one.taskDir === taskDir)) return "its task is running";
  const isLast = store.lastSession(taskDir)?.id === session.id;
  const goesOn = whyResumable(session) ?? (isLast ? whyResumed(session) : undefined);
  return goesOn && "its session can be gone on with";
}

/** Asks each server; where none that was asked answers, its error is thrown. */
async function lookAtAll(context: CommandContext, left: readonly Left[]): Promise<Found[]> {
  const away = new Map<string, OpenCodeError>();
  const found: Found[] = [];
  let answered = false;
  for (const one of left) {
    const { session, made, stays } = one;
    const allStay = (why: string) =>
      found.push({ session, isGone: one.isGone, free: [], stay: made.map((id) => ({ id, why })) });
    const failure = away.get(session.serverUrl ?? "");
    if (stays !== undefined) allStay(stays);
    else if (failure) allStay(failure.message);
    else {
      try {
        found.push(await lookAt(context, one));
        answered = true;
      } catch (error) {
        if (!(error instanceof OpenCodeError)) throw error;
        away.set(session.serverUrl ?? "", error);
        allStay(error.message);
      }
    }
  }
  const [failure] = away.values();
  if (failure && !answered) throw failure;
  return found.filter(({ free, stay }) => free.length + stay.length > 0);
}

async function lookAt(context: Context, { session, isGone, made }: Left): Promise<Found> {
  const client = await clientOf(context, session);
  const busy = isGone ? undefined : await client.busy();
  const free: string[] = [];
  const stay: Staying[] = [];
  for (const id of made) {
    const why = busy?.has(id) ? "it is at work" : await whyStays(client, id, { session, isGone });
    if (why === undefined) free.push(id);
    else if (why !== NOT_THERE) stay.push({ id, why });
  }
  if (isGone) await client.unload().catch(ignoreServerFailure);
  return { session, isGone, client, free, stay };
}

const NOT_THERE = "it is not there";

/** Undefined where it can go. Throws `OpenCodeError`. */
async function whyStays(
  client: OpenCode,
  id: string,
  { session: { endedAt }, isGone }: Pick<Left, "session" | "isGone">,
): Promise<string | undefined> {
  try {
    const there = await client.session(id);
    if (!there) return NOT_THERE;
    // Whatever somebody has gone on with, or given a name, is theirs.
    const isUsed = (there.updatedAt ?? 0) > Date.parse(endedAt ?? "") + SETTLED_MS;
    return isUsed ? "somebody went on with it after its session had ended" : undefined;
  } catch (error) {
    // OpenCode 2 answers 500 to each request for one whose folder is gone, to delete it too (measured).
    const isLost = isGone && error instanceof OpenCodeError && error.problem === "server_error";
    if (isLost) return "its folder is gone, and the server cannot delete it without";
    throw error;
  }
}

function tell(context: CommandContext, found: readonly Found[]): void {
  const { out, err } = context.output;
  if (found.length === 0) {
    return err.line("There are no OpenCode sessions of ralph's as old as that.");
  }
  const now = context.clock.now();
  const rows = found.slice(0, LISTED_MAX).map(({ session, free, stay }) => [
    plain(session.taskName, 60),
    `session ${session.id}`,
    ago(Date.parse(session.endedAt ?? ""), now),
    [
      ...free.length > 0 ? [`${free.length} can go`] : [],
      ...[...Map.groupBy(stay, ({ why }) => why)].map(([why, ones]) =>
        `${ones.length} ${ones.length === 1 ? "stays" : "stay"}: ${plain(why, 200)}`
      ),
    ].join("; "),
  ]);
  for (const line of table(rows, columnsOf(out))) out.line(line);
  if (found.length > LISTED_MAX) out.line(`… and of ${found.length - LISTED_MAX} more sessions`);
}

const DAY_MS = 24 * 3_600_000;

function ask(
  context: CommandContext,
  count: number,
  { task, olderThanMs }: { task?: string; olderThanMs: number },
): Promise<boolean> {
  const days = olderThanMs / DAY_MS;
  const age = Number.isInteger(days) ? `${days}d` : `${olderThanMs / 1000}s`;
  return confirmed(context, {
    message: `Delete ${plural(count, "OpenCode session")}, with all that was said in them?`,
    what: "delete them",
    command: ["clean", "--server", ...task === undefined ? [] : [task], "--older-than", age],
    byDefault: false,
    whenGivenUp: "nothing was deleted",
  });
}

/** Each is looked at once more: somebody may have gone on with it while the question stood. */
async function deleteAll(context: CommandContext, found: readonly Found[]): Promise<number> {
  let deleted = 0;
  for (const { session, isGone, client, free } of found) {
    if (!client || free.length === 0) continue;
    try {
      const now = await lookAt(context, { session, isGone, made: free });
      for (const id of now.free) {
        await client.deleteSession(id);
        deleted++;
      }
      if (isGone) await client.unload().catch(ignoreServerFailure);
      for (const { id, why } of now.stay) context.warn(`${plain(id, 80)} stays: ${why}`);
    } catch (error) {
      if (!(error instanceof OpenCodeError)) throw error;
      context.warn(`what is left of session ${session.id} stays: ${error.message}`);
    }
  }
  return deleted;
}
