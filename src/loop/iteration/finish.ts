/** What came of a turn: looked at, judged, recorded, reported. */
import { RalphError } from "../../error.ts";
import type { TreeChange, TreeState } from "../../host/git/tree_state.ts";
import { serverCommands, serverOf } from "../../opencode/commands.ts";
import { type Note, tokensOf } from "../../store/model.ts";
import type { Story } from "../../task/prd.ts";
import { plain } from "../../terminal/plain.ts";
import { plural } from "../../terminal/plural.ts";
import { activityTeller } from "../activity.ts";
import type { Emit } from "../event.ts";
import { deliveredNotes } from "./delivery.ts";
import { UNTOLD } from "./follow_turn.ts";
import { blockedWords } from "./final_text.ts";
import type { Ended, LoopTools, SeenTree, SessionContext } from "../context.ts";
import { notReviewed, type ReviewTrouble, sessionReview } from "../review/session_review.ts";
import { isShuttingDown } from "../shutdown.ts";
import type { Reconciled } from "./backlog.ts";
import { judge, UNCONFIRMED } from "./outcome.ts";
import { refusedWords } from "../turn/refused_calls.ts";
import { awaitLeftCommands } from "../turn/left_commands.ts";
import type { TurnReport } from "../turn/turn_end.ts";
import { knownUsage } from "../turn/usage.ts";
import { isOfPerson } from "../../verify/persons_files.ts";
import { storiesTicked } from "../../verify/prd/story_changes.ts";
import { NO_ANSWER } from "../../verify/undelivered.ts";
import type { Verdict } from "../../verify/verification.ts";
import type { Agenda } from "../../task/agenda.ts";
import { ownPlaces } from "../../task/task_files.ts";

/** Of what the agent ends with, in UTF-16 units. */
const SAID_MAX = 4_000;

/** A turn that has ended, and what is known of the iteration that it was made for. */
interface IterationTurn {
  number: number;
  story: Pick<Story, "id">;
  agenda: Agenda;
  report: TurnReport;
  /** The tree before it; undefined when that is not known. */
  before?: TreeState;
  /** By the monotonic clock, in milliseconds. */
  startedAt: number;
  signal: AbortSignal;
  /** What the iteration before left to tell: it still holds when the provider gave nothing. */
  failureBefore?: string;
  /** How many iterations in a row the provider has refused. */
  refusedBefore?: number;
  /** Something came of an earlier iteration of the session. */
  workedBefore?: boolean;
}

/** What the turn left in the tree, as far as git can say. */
interface Left {
  after?: TreeState;
  change?: TreeChange;
}

/** The PRD put right. */
interface ReconciledTurn extends Reconciled {
  /** Ids of the stories that a person marked as done by `ralph edit` during the turn. */
  ticked: ReadonlySet<string>;
}

/** What was found out about a turn, and whether it is delivered. */
interface Found extends Left {
  verdict: Verdict;
  prdKey?: string;
  /** What keeps it from the task's branch, in words. */
  undelivered?: string;
  /** No turn can mend that. */
  isStuck?: boolean;
  delivered?: SeenTree;
  /** Why nobody could say whether it is done. */
  trouble: ReviewTrouble;
}

/** Looks at what came of the turn, judges it, records and reports it. Throws `LostSession`. */
export async function finishIteration(
  tools: LoopTools,
  session: SessionContext,
  turn: IterationTurn,
): Promise<Ended> {
  const { recorder, clock, emit } = tools;
  const { number, story, report, startedAt } = turn;
  const end = isShuttingDown(turn.signal) ? shutdownEnd(report.end) : report.end;
  const found = await findOut(tools, session, turn);
  const { verdict, prdKey, undelivered, isStuck, delivered, trouble, ...left } = found;
  const known = knownUsage(report.usage);
  const { refusal, hopeless, ...judgement } = judge({
    end,
    story,
    claims: verdict.claims,
    broke: verdict.broke,
    prdChange: prdKey,
    change: left.change,
    tokens: known && tokensOf(known),
    toolRuns: report.toolRuns?.length,
    workedBefore: turn.workedBefore,
    now: clock.now(),
    refusedBefore: turn.refusedBefore ?? 0,
    refusedMs: report.refusedMs,
  });
  if (refusal) tools.limit.refused(end, { ...refusal, model: session.settings.model });
  const blocked = end.kind === "finished" ? blockedWords(end.text) : undefined;
  const failure = refusal?.free ? turn.failureBefore : failureOf(judgement, verdict);
  const failureKey = verdict.failureKey ?? prdFailureKey(prdKey, judgement);
  const told = {
    commits: left.change?.commits,
    filesChanged: left.change?.files.length,
    usage: known,
    durationMs: clock.monotonic() - startedAt,
  };
  await recorder.write((store) =>
    store.endIteration(session.lease, {
      number,
      ...judgement,
      ...verdict,
      ...told,
      failure,
      failureKey,
      blocked,
      refusal,
      ...endOfTurn(report),
      headAfter: left.after?.head,
    })
  );
  tellVerdict(verdict, emit);
  if (report.unanswered?.length) emit({ type: "warning", text: UNTOLD });
  emit({
    type: "iteration_ended",
    number,
    ...judgement,
    ...told,
    commits: told.commits ?? null,
    filesChanged: told.filesChanged ?? null,
    usage: told.usage ?? null,
  });
  return {
    ...{ outcome: judgement.outcome, detail: judgement.detail, failureKey, blocked },
    outOf: end.kind === "timeout" && end.limit === "session"
      ? { on: end.on, why: end.why }
      : trouble.outOf,
    server: end.kind === "interrupted" || end.kind === "lost" ? end.server : trouble.server,
    hopeless: hopeless?.(serverCommands(await serverOf(tools.client))) ?? trouble.hopeless,
    ...{ refusal, failure, undelivered, isStuck, delivered },
  };
}

/** What the turn has left at work, or was ended at its end. */
async function leftNotes(
  tools: LoopTools,
  { lease, task }: SessionContext,
  { number, report: { end, endedJob }, signal }: IterationTurn,
): Promise<readonly Note[]> {
  if (endedJob !== undefined) return [{ about: "left", kind: "job_ended", text: endedJob }];
  const startedAt = () => {
    const row = tools.store.iterations(lease.sessionId).find((one) => one.number === number);
    return row ? Date.parse(row.startedAt) : 0;
  };
  return await awaitLeftCommands(
    { ...tools, tell: activityTeller(tools, lease) },
    { root: task.projectRoot, startedAt, end, signal },
  );
}

/** A change of the PRD that is put back, each time. */
function prdFailureKey(key: string | undefined, { outcome }: Pick<Ended, "outcome">) {
  return key && outcome !== "advanced" ? `prd: ${key}` : undefined;
}

const endOfTurn = ({ end, unanswered }: TurnReport) => ({
  unanswered,
  abortConfirmed: "confirmed" in end ? end.confirmed : undefined,
});

/** Looks at what the turn left, judges it, and brings what holds to where it belongs. */
async function findOut(
  tools: LoopTools,
  session: SessionContext,
  turn: IterationTurn,
): Promise<Found> {
  const { delivery } = session;
  const leftAtWork = await leftNotes(tools, session, turn);
  // First: what is put right in the PRD is part of what there is to deliver.
  const reconciled = await reconcile(tools, session, turn);
  const left = await whatIsLeft(tools, session, turn);
  const leftAt = tools.clock.monotonic();
  const ofTurn = await delivery.turnEnded({ before: turn.before, after: left.after });
  const { prdKey, undelivered, isStuck, trouble, ...verdict } = await verdictOn(tools, session, {
    turn,
    left,
    reconciled,
    leftAtWork,
    forAgent: ofTurn.filter(({ kind }) => kind === "hooks_off"),
  });
  const hasHeld = verdict.claims.some(({ held }) => held);
  const isSame = !hasHeld || isAsLeft(left, { verdict, session });
  // What was committed for it is part of what came of it.
  const { after, change } = isSame ? left : await whatIsLeft(tools, session, turn);
  const at = isSame ? leftAt : tools.clock.monotonic();
  // A claim that fell is taken back in the PRD: often that is as it was committed again.
  const hasFallen = verdict.claims.some(({ held }) => held === false);
  const now = hasFallen && !hasHeld
    ? await tools.tree.state(session.task.projectRoot, after) ?? after
    : after;
  const looked = await delivery.look(now);
  const said = new Set(verdict.notes.map(({ text }) => text));
  const found = [
    ...ofTurn.map((one) => ({ about: "git", ...one }) as const),
    ...deliveredNotes(looked),
  ];
  const notes = [...verdict.notes, ...found.filter(({ text }) => !said.has(text))];
  // Without a second look gates may have written since; and a branch that was left was moved just now.
  const isLast = hasHeld && after?.branch === turn.before?.branch;
  const delivered = isLast && after ? { tree: after, at } : undefined;
  return {
    after,
    change,
    delivered,
    verdict: { ...verdict, notes },
    prdKey,
    trouble,
    isStuck,
    undelivered: undelivered ?? (looked.troubles.join("; ") || undefined),
  };
}

/**
 * Nothing has written there since: no gate and no reviewer ran, no branch was moved, and nothing was to be
 * committed or taken back.
 */
function isAsLeft(
  { after }: Left,
  { verdict: { gates, claims }, session: { reviewer, delivery } }: {
    verdict: Pick<Verdict, "gates" | "claims">;
    session: Pick<SessionContext, "reviewer" | "delivery">;
  },
): boolean {
  return after?.changed.size === 0 && delivery.isInPlace(after) && gates.length === 0 &&
    reviewer === undefined && claims.every(({ held }) => held);
}

async function whatIsLeft(
  { tree }: LoopTools,
  { task }: SessionContext,
  { before }: IterationTurn,
): Promise<Left> {
  const { projectRoot } = task;
  const after = await tree.state(projectRoot, before);
  const ignore = ownPlaces(task);
  const change = before && after && await tree.change(projectRoot, { before, after, ignore });
  return { after, change };
}

/** What the turn left is worth, now that the PRD is put right. */
async function verdictOn(
  tools: LoopTools,
  session: SessionContext,
  { turn, left, reconciled, leftAtWork, forAgent }: {
    turn: IterationTurn;
    left: Left;
    reconciled: ReconciledTurn;
    leftAtWork: readonly Note[];
    /** What became of git, and it has to mend. */
    forAgent: readonly Pick<Note, "text" | "kind">[];
  },
): Promise<Verdict & Pick<Found, "prdKey" | "undelivered" | "isStuck" | "trouble">> {
  const { number, agenda, signal, before, report } = turn;
  let undelivered: Awaited<ReturnType<SessionContext["delivery"]["deliver"]>>;
  const { review, delivered, trouble } = sessionReview(tools, session, {
    iteration: number,
    final: false,
    agenda,
    since: before?.head,
    agentSaid: report.end.kind === "finished" ? report.end.text.slice(0, SAID_MAX) : undefined,
    unbooked: knownUsage(report.usage),
  });
  const refused = refusedWords(report.toolRuns ?? [], session.task.projectRoot);
  const verdict = await session.verification.judgeTurn({
    iteration: number,
    agenda,
    before: agenda.stories,
    after: reconciled.stories,
    tree: left.after,
    review,
    async deliver(stories) {
      undelivered = await session.delivery.deliver(stories, left.after);
      return undelivered?.why ?? await delivered?.();
    },
    found: [
      ...leftAtWork,
      ...reconciled.words ? [{ about: "prd", text: reconciled.words } as const] : [],
      // Given up for a stop, git has said nothing.
      ...signal.aborted && !left.after ? [] : gitNotes({ before, ...left }),
      ...forAgent.map((one) => ({ about: "git", ...one }) as const),
      ...refused ? [{ about: "refused", text: refused } as const] : [],
    ],
  }, signal);
  const unreviewed = notReviewed(session, agenda);
  const claims = verdict.claims.map((claim) => {
    const words = [
      ...reconciled.ticked.has(claim.storyId) ? ["a person ticked it"] : [],
      ...claim.why ? [claim.why] : [],
      ...claim.held ? unreviewed(claim.storyId) : [],
    ];
    return { ...claim, why: words.join("; ") || claim.why };
  });
  return {
    ...verdict,
    claims,
    prdKey: reconciled.key,
    undelivered: undelivered?.why,
    isStuck: undelivered?.isFinal,
    trouble: trouble.found,
  };
}

const HISTORY_GONE = "git cannot say what this turn changed: its history was rewritten, the " +
  "repository replaced by another one, or it does not answer";

/** Work goes where the agent went: only what is in the tree counts, as far as git can tell. */
function gitNotes(
  { before, after, change }: { before?: TreeState; after?: TreeState; change?: TreeChange },
): Note[] {
  if (!before) return [];
  if (!after) {
    return [{ about: "git", text: NO_ANSWER }];
  }
  if (!change) return [{ about: "git", text: HISTORY_GONE }];
  const takenIn = change.takenIn === undefined ? [] : [takenInWords(change.takenIn)];
  return [...takenIn, ...wentElsewhere(before, after)].map((text) => ({ about: "git", text }));
}

function takenInWords(count: number): string {
  const which = `${plural(count, "commit")} that ${count === 1 ? "was" : "were"}`;
  return `${which} there before this turn came in: no work of it`;
}

/** By whom it was switched git does not say. */
function wentElsewhere(before: TreeState, after: TreeState): readonly string[] {
  if (before.branch === after.branch) return [];
  const [from, to] = [before, after].map(({ branch }) =>
    branch === undefined ? "no branch" : `the branch \`${plain(branch, 80)}\``
  );
  return [`what is checked out went from ${from} to ${to}`];
}

/** A turn that nobody stopped: its worker had to go. */
function shutdownEnd(end: TurnReport["end"]): TurnReport["end"] {
  if (end.kind !== "stopped") return end;
  const why = "the worker had to end in mid-turn";
  return { kind: "interrupted", why: end.confirmed ? why : `${why}; ${UNCONFIRMED}` };
}

/**
 * The PRD put right, as soon as there is room for it. When the file system refuses that otherwise,
 * the next reading of the PRD says so.
 */
async function reconcile(
  { clock, recorder, store }: LoopTools,
  { backlog, lease, task }: SessionContext,
  { number, agenda, report }: IterationTurn,
): Promise<ReconciledTurn> {
  const { sessionId } = lease;
  const none: ReadonlySet<string> = new Set();
  const at = { sessionId, iteration: number, now: clock.now() };
  try {
    return await recorder.write(() => {
      const edits = store.prdEdits(sessionId, number);
      const ticked = task.prdPath === undefined ? none : storiesTicked(task.prdPath, edits);
      return { ...backlog.reconcile(report, { ...at, edits }), ticked };
    });
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    return { stories: agenda.stories, words: error.message, ticked: none };
  }
}

/** A claim that was taken back says all; otherwise the outcome is part of what there is to tell. */
function failureOf(
  { outcome, detail }: Pick<Ended, "outcome" | "detail">,
  { failure, failureKey }: Verdict,
): string | undefined {
  if (outcome === "advanced" || failureKey !== undefined) return failure;
  return [detail, failure].filter((one) => one !== undefined).join("\n\n");
}

/** Tells what the loop found out. */
export function tellVerdict(
  { gates, claims, notes }: Pick<Verdict, "gates" | "claims" | "notes">,
  emit: Emit,
): void {
  for (const { gate, passed, flaky, why, durationMs } of gates) {
    emit({ type: "gate", name: gate, passed, flaky, why, durationMs });
  }
  for (const note of notes) {
    const { about, text } = note;
    emit(isOfPerson(note) ? { type: "warning", text } : { type: "note", about, text });
  }
  for (const { storyId, held, why } of claims) emit({ type: "claim", story: storyId, held, why });
}
