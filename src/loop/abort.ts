import { type Clock, deadline, sleep } from "../clock.ts";
import type { OpenCode } from "../opencode/client.ts";
import { ignoreServerFailure, OpenCodeError } from "../opencode/error.ts";
import { answerQuestions } from "./answer.ts";
import { createFamily } from "./family.ts";
import { isFinished } from "./settle.ts";
import { unlessAborted } from "./unless_aborted.ts";

/** A server that answers at all has long done so. */
const GIVE_UP_MS = 15_000;
/** An abort can be lost in the first moments of a turn (1.1.53, 1.18.33, measured). */
const ABORT_EVERY_MS = 1_000;
/**
 * How long an idle session without an answer must stay idle, since it cannot be told from one that
 * has not begun: 1.18.33 began turns 0.9 s after it had confirmed their abort in a cold project,
 * more than 2 s on a busy machine, and took 6 s to begin with 24 prompts at once (measured). Only a
 * stop in the first moments of a turn meets this.
 */
export const NOT_STARTED_MS = 8_000;
/**
 * How long an idle session may take to finish a half-written answer: 1.14.41 and 1.18.33 took up to
 * 4 s under load (measured). After that it never will: the server was restarted, or the abort met
 * a tool in the moment of its start, which then runs on (1.1.53, measured).
 */
const HALF_WRITTEN_MS = 5_000;
/**
 * How long nothing may listen before it is given up: the turn died with its server, which takes none
 * up again (1.1.53 to 1.18.33, measured). Whether its tools run on, nobody can say.
 */
const GONE_MS = 2_000;
/**
 * How long a server may go without telling how things are: one that is suspended, or stuck. An
 * abort that such a server finds when it wakes takes effect (1.1.53, 1.18.33, measured).
 */
const SILENT_MS = 3_000;
const LOOK_FIRST_MS = 20;
const LOOK_MAX_MS = 250;

/**
 * Ends the turn of an OpenCode session and its sub-agents. True when the server's state proves that
 * it has ended; false when that was not to be seen within 15 s, the server is gone, or it said
 * nothing for 3 s. Never throws for a server's failure.
 */
export async function abortTurn(
  { client, clock, sessionId }: { client: OpenCode; clock: Clock; sessionId: string },
): Promise<boolean> {
  const over = new AbortController();
  const family = createFamily(client, sessionId);

  async function look() {
    const [busy, messages] = await Promise.all([
      client.busy(),
      client.messages(sessionId, { limit: 1 }),
    ]);
    return { isBusy: busy.has(sessionId), last: messages.at(-1) };
  }

  /** A tool call that asks keeps its message unfinished until it is answered (1.1.53, measured). */
  async function answerWhatIsAsked(): Promise<void> {
    const [permissions, questions] = await Promise.all([client.permissions(), client.questions()]);
    for (const { id, sessionId } of permissions) {
      if (!await family.owns(sessionId)) continue;
      await client.replyPermission(id, { reply: "reject", message: "the turn was stopped" });
    }
    for (const request of questions) {
      if (!await family.owns(request.sessionId)) continue;
      await client.answerQuestion(request.id, answerQuestions(request));
    }
  }

  async function abortUntilProved(): Promise<boolean> {
    let abortedAt = -Infinity;
    let heardAt = clock.monotonic();
    let stillSince: number | undefined;
    let goneSince: number | undefined;
    let lookMs = LOOK_FIRST_MS;
    while (!over.signal.aborted) {
      if (clock.monotonic() - abortedAt >= ABORT_EVERY_MS) {
        abortedAt = clock.monotonic();
        // Its answer proves nothing, and may be a minute late though it worked (1.14.41, measured).
        client.abort(sessionId).catch(() => {});
      }
      try {
        const silent = deadline(clock, heardAt + SILENT_MS - clock.monotonic(), over.signal);
        const seen = await unlessAborted(look(), silent.signal).finally(silent.cancel);
        if (!seen) return false;
        heardAt = clock.monotonic();
        goneSince = undefined;
        const { isBusy, last } = seen;
        if (isBusy) {
          stillSince = undefined;
        } else {
          if (last && isFinished(last)) return true;
          stillSince ??= clock.monotonic();
          const stillMs = clock.monotonic() - stillSince;
          const halfWritten = last?.role === "assistant";
          if (!halfWritten && stillMs >= NOT_STARTED_MS) return true;
          if (halfWritten && stillMs >= HALF_WRITTEN_MS) return false;
          if (halfWritten) {
            // What fails is tried again at the next look.
            await answerWhatIsAsked().catch(ignoreServerFailure);
            heardAt = clock.monotonic();
          }
        }
      } catch (error) {
        if (!(error instanceof OpenCodeError)) throw error;
        if (error.kind === "not_found") return true;
        stillSince = undefined;
        if (error.problem === "unreachable") goneSince ??= clock.monotonic();
        else goneSince = undefined;
        if (goneSince !== undefined && clock.monotonic() - goneSince >= GONE_MS) return false;
        if (clock.monotonic() - heardAt >= SILENT_MS) return false;
      }
      await sleep(clock, lookMs, over.signal);
      lookMs = Math.min(lookMs * 2, LOOK_MAX_MS);
    }
    return false;
  }

  const giveUp = sleep(clock, GIVE_UP_MS, over.signal).then(() => false);
  try {
    return await Promise.race([abortUntilProved(), giveUp]);
  } finally {
    over.abort();
  }
}
