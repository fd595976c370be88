/**
 * An independent review of what is said to be done, by a model that did not do it and that cannot write.
 * What is about to be asked is written down before, as for an iteration: after a crash a review is gone
 * on with, and its verdict counts once.
 */
import { commandsOf } from "../../opencode/commands.ts";
import * as path from "node:path";
import type { Review, ReviewOutcome } from "../../store/model.ts";
import { plain } from "../../terminal/plain.ts";
import { reviewPrompt } from "../../verify/review/prompt.ts";
import { type LinesOf, refusedIn } from "../../verify/review/verdict.ts";
import { timeWords } from "../activity.ts";
import { inWords, type Spent, spentWith } from "../limits.ts";
import { chosenProvider } from "../provider/chosen_provider.ts";
import { waitForProvider } from "../provider/wait.ts";
import { type Attempt, attemptOutcome, ofWhatIsThere } from "./attempt.ts";
import { changedInstructions } from "./instructions.ts";
import type { Reviewed, Reviewer, ReviewRequest } from "./model.ts";
import { movedSince } from "./moved.ts";
import { reviewTurn, type ReviewTurnOrder } from "./review_turn.ts";
import type { ReviewerTools } from "./tools.ts";
import { modelName } from "../../settings/settings.ts";

export interface ReviewerOrder extends ReviewTurnOrder {
  when: Reviewer["when"];
  /** Files that are no work, relative to the root. */
  loopFiles: readonly string[];
  /** A person wants a pause. */
  pauses: () => boolean;
  /** What the session has used so far, as far as it is booked. */
  spent: () => Spent;
  /** How to leave the review out, for a person. */
  withoutIt: string;
}

/** An answer that cannot be used is asked for again twice. */
const TRIES_MAX = 3;
const VERDICTS: readonly (ReviewOutcome | null)[] = ["passed", "refused"];

export function createReviewer(tools: ReviewerTools, order: ReviewerOrder): Reviewer {
  return {
    when: order.when,
    review: (request) => review(tools, order, request),
  };
}

async function review(
  tools: ReviewerTools,
  order: ReviewerOrder,
  request: ReviewRequest,
): Promise<Reviewed> {
  const { signal } = order;
  const earlier = tools.book.earlier(request);
  const verdict = earlier.findLast(({ outcome }) => VERDICTS.includes(outcome));
  if (verdict && await moved(tools, order) === undefined) {
    return { kind: "judged", refused: refusedIn(verdict.findings) };
  }
  const unusable = earlier.filter(({ outcome }) => outcome === "unusable");
  let fault = unusable.at(-1)?.detail ?? undefined;
  let left = earlier.find(({ outcome }) => outcome === null);
  let tries = unusable.length;
  let lastWords = fault;
  const provider = patience(tools, order);
  while (tries < TRIES_MAX) {
    if (signal.aborted || !left && !await passes(tools, order)) return { kind: "stopped" };
    const wasLeft = left !== undefined;
    const attempt = await ask(tools, order, { request, fault, left });
    left = undefined;
    const { outcome, detail } = attempt.end;
    if (VERDICTS.includes(outcome)) {
      return { kind: "judged", refused: refusedIn(attempt.end.findings) };
    }
    if (attempt.over) {
      const { outOf, away } = attempt.over;
      const isReviewers = outOf === undefined && !away;
      return { kind: "none", why: isReviewers ? detail + instead(order) : detail, ...attempt.over };
    }
    if (attempt.until !== undefined) {
      const why = await provider.wait(attempt.until, detail);
      if (why !== undefined) return { kind: "none", why: why + instead(order) };
      // One that is under way ends first, as an iteration does.
      if (order.pauses()) return { kind: "stopped" };
    }
    if (outcome === "unusable") fault = detail;
    // What a worker that died has left broken off is nobody's fault.
    if (outcome === "unusable" || outcome === "interrupted" && !wasLeft) tries++;
    lastWords = detail;
    // The gates before the end have seen what is no longer there: they run again with the next claim.
    if (attempt.moved && (request.final || tries >= TRIES_MAX)) {
      return { kind: "none", why: `${detail}, and what has changed is not reviewed`, moved: true };
    }
  }
  const why = `its reviewer gave no answer that can be used, ${TRIES_MAX} times in a row: ` +
    lastWords + instead(order);
  return { kind: "none", why };
}

/** Waits while another session's provider, which is the reviewer's, takes no requests. False: stopped. */
async function passes(
  { client, limit }: ReviewerTools,
  { model, agent, pauses, spent, limits, signal }: ReviewerOrder,
): Promise<boolean> {
  const isOver = () => pauses() || spent().durationMs >= (limits.durationMs ?? Infinity);
  const chosen = async () => chosenProvider(client, await agent());
  while (limit && !await limit.pass({ model, chosen, isOver, signal })) {
    if (signal.aborted || pauses()) return false;
    if (isOver()) return true;
  }
  return true;
}

/** What a person can do about a reviewer that cannot be had. */
function instead({ model, withoutIt }: ReviewerOrder): string {
  const whose = model ? `\`${plain(modelName(model), 80)}\`` : "the server's choice";
  return `; its model is ${whose}, its agent the session's: name another one in ralph.json, as ` +
    `\`review.model\` or \`agent\`, or leave the review out with \`${withoutIt}\``;
}

/** Whether the work is what the last review was shown; undefined when it is. */
const moved = ({ tree, book }: ReviewerTools, { root, loopFiles }: ReviewerOrder) =>
  movedSince(tree, root, { before: book.tree.kept(), ignore: loopFiles });

/** One answer, from before it is asked for to what came of it. */
async function ask(
  tools: ReviewerTools,
  order: ReviewerOrder,
  { request, fault, left }: {
    request: ReviewRequest;
    /** Of the answer before. */
    fault: string | undefined;
    left: Review | undefined;
  },
): Promise<Attempt> {
  const { book, clock, emit } = tools;
  const { root, loopFiles } = order;
  const stories = request.stories.map(({ id }) => id);
  const startedAt = clock.monotonic();
  const model = order.model && modelName(order.model);
  const { iteration, final, agentSaid, since } = request;
  if (!left) await book.tree.keep(await tools.tree.state(root));
  const changes = await tools.changes(root, { since, ignore: loopFiles });
  const instructions = await changedInstructions(tools.readText, root, {
    changes,
    // Rules that an earlier story of the session has changed are as little to be followed.
    earlier: request.sessionSince === undefined || request.sessionSince === since
      ? []
      : await tools.changes(root, { since: request.sessionSince, ignore: loopFiles }),
  });
  const begun = left ?? await book.begin({ iteration, final, stories, model, agentSaid });
  emit({ type: "review_started", stories, model: model ?? null });
  const report = await reviewTurn(tools, order, {
    begun,
    left,
    text: reviewPrompt({ ...request, changes, instructions, fault }),
    spent: spentWith(order.spent(), request.unbooked),
  });
  const answered = attemptOutcome(report, {
    stories: request.stories,
    changes,
    instructions,
    linesOf: workLines(tools, order),
    commands: await commandsOf(tools.client),
    isOver: order.signal.aborted,
    now: clock.now(),
  });
  const isVerdict = VERDICTS.includes(answered.end.outcome);
  if (answered.until !== undefined) {
    tools.limit?.refused(report.end, { until: answered.until, model: order.model });
  }
  const attempt = isVerdict ? ofWhatIsThere(answered, await moved(tools, order)) : answered;
  const before = left?.durationMs ?? 0; // of the workers that were at it
  const end = { ...attempt.end, durationMs: before + clock.monotonic() - startedAt };
  await book.end(begun.id, end);
  const { outcome, detail, findings, usage = null, durationMs } = end;
  emit({ type: "review", stories, outcome, detail, findings, usage, durationMs });
  return attempt;
}

/** What the loop itself writes proves nothing of the work. */
function workLines(
  { linesOf }: Pick<ReviewerTools, "linesOf">,
  { root, loopFiles }: ReviewerOrder,
): LinesOf {
  const lines = linesOf(root);
  const own = new Set(loopFiles.map((file) => path.resolve(root, file)));
  return (file) => own.has(path.resolve(root, file)) ? undefined : lines(file);
}

/** Waits for a provider that refuses, each time longer, as long as the session may wait in all. */
function patience(
  { clock, tell }: ReviewerTools,
  { signal, limits: { rateLimitMs, durationMs = Infinity }, pauses, spent }: ReviewerOrder,
) {
  const FIRST_MS = 5_000;
  const since = clock.now();
  let times = 0;
  return {
    /** Why it is given up, in words; undefined: it may be asked again. */
    async wait(wanted: number, said: string): Promise<string | undefined> {
      const until = Math.max(wanted, clock.now() + FIRST_MS * 2 ** Math.min(times++, 8));
      const limitMs = since + rateLimitMs - clock.now();
      if (until > since + rateLimitMs) {
        return `waiting for the reviewer's provider takes longer than ${
          inWords(rateLimitMs)
        }: ${said}`;
      }
      const at = timeWords(until, clock.now());
      const text = `the reviewer's provider is asked again at ${at}: ${plain(said, 200)}`;
      tell({ kind: "rate_limited", text, until });
      const isOver = () => pauses() || spent().durationMs >= durationMs;
      await waitForProvider({ clock, until, limitMs, isOver, signal });
      return undefined;
    },
  };
}
