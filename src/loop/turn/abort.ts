import { type Clock, deadline, sleep } from "../../clock.ts";
import type { OpenCode } from "../../opencode/client.ts";
import { ignoreServerFailure, OpenCodeError } from "../../opencode/error.ts";
import type { Message } from "../../opencode/model.ts";
import { answerQuestions } from "./auto_reply.ts";
import { createSessionTree, type SessionTree } from "./session_tree.ts";
import { isFinished } from "./completion.ts";
import { unlessAborted } from "../../abort_signal.ts";

/** A turn that has begun, on a server that answers at all, has long ended. */
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
/**
 * How long all must be idle once sub-agents were ended that worked on in the background: whoever waits
 * for them, such as a plugin, may wake the agent up. 1.18.33 itself does not (measured). The same after
 * words that were handed over and that the agent has not come to.
 */
const WAKE_MS = 1_000;
/**
 * The limit in place of both where the turn is not known to have begun: 1.18.33 says nothing while it
 * starts a project, for up to 11 s on a busy machine, begins the turn after that, up to 20 s after it
 * took the prompt, and loses each abort that came before (measured).
 */
const STARTING_MS = 30_000;
/** So much of the time between two looks counts as still, at most: a server at work answers late. */
const STILL_LOOK_MS = 1_000;
const LOOK_FIRST_MS = 20;
const LOOK_MAX_MS = 250;

/**
 * Ends the turn of an OpenCode session and its sub-agents, those in the background too. True when the
 * server's state proves that all have ended; false when that was not to be seen within 15 s, the server is gone, or it said
 * nothing for 3 s; 30 s for both where the turn is not known to have begun. `starting`: the server
 * took the prompt, and nothing of the agent was seen yet. Never throws for a server's failure.
 */
export async function abortTurn(
  { client, clock, sessionId, starting = false }: {
    client: OpenCode;
    clock: Clock;
    sessionId: string;
    starting?: boolean;
  },
): Promise<boolean> {
  const over = new AbortController();
  const failed = Promise.withResolvers<never>();
  const abort = new Abort({
    client,
    clock,
    sessionId,
    starting,
    signal: over.signal,
    onFailure: failed.reject,
  });
  try {
    return await Promise.race([abort.untilProved(), abort.untilGivenUp(), failed.promise]);
  } finally {
    over.abort();
  }
}

interface AbortOptions {
  readonly client: OpenCode;
  readonly clock: Clock;
  readonly sessionId: string;
  readonly starting: boolean;
  readonly signal: AbortSignal;
  /** Told what goes wrong in a request that nobody waits for, unless it is the server's failure. */
  readonly onFailure: (error: unknown) => void;
}

class Abort {
  readonly #options: AbortOptions;
  readonly #sessionTree: SessionTree;
  readonly #abortedAt = new Map<string, number>();
  /** Sub-agents that are at work though the agent is idle, or does not end them with itself. */
  #subagents: readonly string[] = [];
  /** Something may begin the agent's next step after the abort. */
  #mayWake = false;
  /** At the last look the agent itself was not at work. */
  #wasIdle = false;
  /** When the server last told how things are. */
  #heardAt: number;
  /** For how long the turn, its sub-agents included, was seen not to be busy. */
  #stillMs = 0;
  #goneSince: number | undefined;

  /** The turn may not have begun yet. */
  #starting: boolean;
  readonly #begunAt: number;

  constructor(options: AbortOptions) {
    this.#options = options;
    this.#starting = options.starting;
    this.#begunAt = options.clock.monotonic();
    this.#sessionTree = createSessionTree(options.client, options.sessionId);
    this.#heardAt = this.#begunAt;
  }

  async untilGivenUp(): Promise<boolean> {
    const { clock, signal } = this.#options;
    await sleep(clock, GIVE_UP_MS, signal);
    if (this.#starting) await sleep(clock, STARTING_MS - GIVE_UP_MS, signal);
    return false;
  }

  async untilProved(): Promise<boolean> {
    const { clock, signal } = this.#options;
    for (let lookMs = LOOK_FIRST_MS; !signal.aborted; lookMs = Math.min(lookMs * 2, LOOK_MAX_MS)) {
      this.#ask();
      const proved = await this.#look();
      if (proved !== undefined) return proved;
      await sleep(clock, lookMs, signal);
    }
    return false;
  }

  /** When a server that says nothing is given up. */
  #silentAt(): number {
    return this.#starting ? this.#begunAt + STARTING_MS : this.#heardAt + SILENT_MS;
  }

  #ask(): void {
    const { client, clock, sessionId, onFailure } = this.#options;
    for (const id of [sessionId, ...this.#subagents]) {
      if (clock.monotonic() - (this.#abortedAt.get(id) ?? -Infinity) < ABORT_EVERY_MS) continue;
      this.#abortedAt.set(id, clock.monotonic());
      // Its answer proves nothing, and may be a minute late though it worked (1.14.41, measured).
      client.abort(id).then(() => this.#keepAsleep(id)).catch(ignoreServerFailure)
        .catch(onFailure);
    }
  }

  /**
   * The end of a sub-agent is told to an idle agent, which begins a turn with it (OpenCode 2, measured): that
   * one is met before its first model call has come to anything.
   */
  async #keepAsleep(ended: string): Promise<void> {
    const { client, sessionId, signal } = this.#options;
    if (ended !== sessionId && !signal.aborted) await client.abort(sessionId);
  }

  /** Whether the turn has ended; undefined while that may yet be proved. */
  async #look(): Promise<boolean | undefined> {
    const { client, clock, sessionId, signal } = this.#options;
    const silent = deadline(clock, this.#silentAt() - clock.monotonic(), signal);
    try {
      const looking = Promise.all([
        this.#whoWorks(),
        client.messages(sessionId, { limit: 1 }),
      ]);
      const seen = await unlessAborted(looking, silent.signal).finally(silent.cancel);
      if (!seen) return false;
      const [ours, messages] = seen;
      const quietMs = Math.min(clock.monotonic() - this.#heardAt, STILL_LOOK_MS);
      this.#heardAt = clock.monotonic();
      this.#goneSince = undefined;
      this.#seeSubagents(ours);
      if (this.#mayWake && this.#wasIdle && ours.includes(sessionId)) {
        // It was woken up: what ends it is not to wait for its turn.
        this.#abortedAt.delete(sessionId);
      }
      this.#wasIdle = !ours.includes(sessionId);
      if (ours.length === 0) return await this.#seeIdle(await this.#lastOf(messages), quietMs);
      this.#stillMs = 0;
      return undefined;
    } catch (error) {
      if (!(error instanceof OpenCodeError)) throw error;
      return this.#seeFailure(error);
    }
  }

  async #whoWorks(): Promise<readonly string[]> {
    const busy = await this.#options.client.busy();
    const { ours } = await this.#sessionTree.sort(busy.keys());
    // Its end is told to the agent, which may begin a turn with it (OpenCode 2, measured).
    this.#mayWake ||= ours.some((id) => busy.get(id)?.type === "job");
    return ours;
  }

  /** Those that the agent waits for end with it (1.1.53, 1.18.33, measured), if that takes effect. */
  #seeSubagents(busy: readonly string[]): void {
    const { clock, sessionId } = this.#options;
    const isLate = clock.monotonic() - this.#begunAt >= ABORT_EVERY_MS;
    if (busy.includes(sessionId) && !isLate) return;
    this.#subagents = busy.filter((id) => id !== sessionId);
    this.#mayWake ||= this.#subagents.length > 0;
  }

  /** Of a turn that has begun the agent's last message: words that were said to it may come after. */
  async #lastOf(messages: readonly Message[]): Promise<Message | undefined> {
    const last = messages.at(-1);
    if (last?.role !== "user") return last;
    const all = await this.#options.client.messages(this.#options.sessionId);
    const ofAgent = all.findLast(({ role }) => role === "assistant");
    // They may be on their way to it yet: what was ended is looked at for a while.
    this.#mayWake ||= ofAgent !== undefined;
    return ofAgent ?? last;
  }

  async #seeIdle(last: Message | undefined, quietMs: number): Promise<boolean | undefined> {
    const { client, clock, sessionId } = this.#options;
    this.#stillMs += quietMs;
    if (last && isFinished(last)) {
      return !this.#mayWake || this.#stillMs >= WAKE_MS ? true : undefined;
    }
    // Of a server that keeps book: what is not at work now was not begun, or is over.
    if (await client.turnRecord(sessionId)) return this.#stillMs >= WAKE_MS ? true : undefined;
    if (last?.role !== "assistant") {
      this.#starting = true;
      return this.#stillMs >= NOT_STARTED_MS ? true : undefined;
    }
    if (this.#stillMs >= HALF_WRITTEN_MS) return false;
    // What fails is tried again at the next look.
    await this.#answerWhatIsAsked().catch(ignoreServerFailure);
    this.#heardAt = clock.monotonic();
    return undefined;
  }

  #seeFailure(error: OpenCodeError): boolean | undefined {
    if (error.kind === "not_found") return true;
    const now = this.#options.clock.monotonic();
    this.#stillMs = 0;
    const isGone = error.problem === "unreachable" || error.problem === "foreign";
    this.#goneSince = isGone ? this.#goneSince ?? now : undefined;
    if (this.#goneSince !== undefined && now - this.#goneSince >= GONE_MS) return false;
    return now >= this.#silentAt() ? false : undefined;
  }

  /** A tool call that asks keeps its message unfinished until it is answered (1.1.53, measured). */
  async #answerWhatIsAsked(): Promise<void> {
    const { client } = this.#options;
    const [permissions, questions] = await Promise.all([client.permissions(), client.questions()]);
    for (const request of permissions) {
      if (!await this.#sessionTree.owns(request.sessionId)) continue;
      await client.replyPermission(request, { reply: "reject", message: "the turn was stopped" });
    }
    for (const request of questions) {
      if (!await this.#sessionTree.owns(request.sessionId)) continue;
      await client.answerQuestion(request, answerQuestions(request));
    }
  }
}
