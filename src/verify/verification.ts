/**
 * The loop's own look at what an agent claims: gates, tests, and what git says changed. Remembers for
 * a session what passed, what was claimed, and what the work is measured against.
 */
import { RalphError } from "../error.ts";
import type { TreeState } from "../host/git/tree_state.ts";
import type { Claim, GateRecord, Note } from "../store/model.ts";
import type { Agenda } from "../task/agenda.ts";
import { type Gate, gateKey } from "../task/gate.ts";
import type { Story } from "../task/prd.ts";
import {
  allGates,
  gatesOf,
  gatesOfTask,
  judgeClaims,
  newlyPassing,
  recordOf,
  storiesToBlame,
} from "./claims.ts";
import { createEvidence, type Evidence, type EvidenceTree } from "./evidence.ts";
import { failureKeyOf, failureText } from "./feedback.ts";
import type { GateResult } from "./gates/gates.ts";
import { listed, NOT_COMMITTED } from "./undelivered.ts";
import { createGateMemory, type GateMemory } from "./gates/gate_memory.ts";
import { notAllCommitted } from "./gates/clean_gates.ts";
import { contradictions, settled, upToLast } from "./gates/contradiction.ts";
import { gateLacks } from "./gates/gate_lacks.ts";
import type { CleanRun } from "./gates/clean_run.ts";
import type { GateRunner } from "./gates/gate_runner.ts";
import type { RefusedStory } from "./review/verdict.ts";
import type { TestBaseline } from "./census/baseline.ts";

/** What was found out about a turn. */
export interface Verdict {
  claims: readonly Claim[];
  gates: readonly GateRecord[];
  notes: readonly Note[];
  /** Gates that passed before in this session, and fail now. */
  broke: readonly string[];
  /** For the next prompt; undefined when there is nothing to tell. */
  failure?: string;
  failureKey?: string;
}

/** What the run of all gates shows of a session whose stories are all said to be done. */
export type Proof =
  | { kind: "proved" }
  /** The gates pass, and nothing but the agent's word says that anything was done. */
  | { kind: "unproven"; why: string }
  /** A gate fails, and no claim of this session is to blame. */
  | { kind: "gates_fail"; why: string }
  /** What was done is not on the task's branch. */
  | { kind: "not_delivered"; why: string };

/** What the run of all gates showed. `proof` undefined: claims were taken back, work goes on. */
interface FinalRun extends Pick<Verdict, "gates" | "notes" | "failure" | "failureKey"> {
  proof?: Proof;
  /** The gates pass in the work tree, and not in what is committed: why, in words. */
  undelivered?: string;
  takenBack: readonly { storyId: string; why: string }[];
}

type Review = (
  stories: readonly Story[],
  gates: readonly GateRecord[],
) => Promise<readonly RefusedStory[]>;

interface JudgedTurn {
  iteration: number;
  agenda: Agenda;
  before: readonly Story[];
  after: readonly Story[];
  tree?: TreeState;
  /** What was found otherwise. */
  found?: readonly Note[];
  /**
   * Has the work of stories looked at whose gates pass, given what these showed. Returns those that are
   * not done, and why: no claim of theirs holds.
   */
  review?: Review;
  /**
   * Brings the work of stories whose claims hold to where it belongs. Returns why that cannot be: then
   * they do not hold.
   */
  deliver?: (stories: readonly Story[]) => Promise<string | undefined>;
}

interface ProveOptions {
  /** What is said to be done, in words; default: all stories pass. */
  claimed?: string;
  iterated: boolean;
  /** Somebody was at work while the gates ran last. */
  disturbed?: boolean;
  /** As in `JudgedTurn`, of all stories that are said to be done. */
  review?: Review;
  /** No reviewer let a story pass: the review is asked for without an iteration, too. */
  isReviewOwed?: boolean;
  signal: AbortSignal;
}

/** What all gates showed before any work was done. */
interface Baseline extends Pick<Verdict, "gates" | "notes"> {
  /** What a person should know, in words: what gates seem to lack of this machine. */
  warnings: readonly string[];
  /** Why no work can make a gate of the whole task pass, in words; undefined where that may be. */
  hopeless?: string;
}

export interface Verification {
  /** To be called with all gates whenever the agenda was read, before an agent works. */
  prepare(agenda: Agenda): Promise<void>;
  /**
   * Runs all gates before the first turn, so that none of them turns out unable to run when that was
   * paid for. Undefined when aborted.
   */
  baseline(agenda: Agenda, signal: AbortSignal): Promise<Baseline | undefined>;
  /** Judges what a turn left, and takes back the claims that do not hold. */
  judgeTurn(turn: JudgedTurn, signal: AbortSignal): Promise<Verdict>;
  /**
   * Runs all gates, unless they just were, and looks for evidence when this session has made an
   * iteration. Undefined when aborted.
   */
  prove(agenda: Agenda, options: ProveOptions): Promise<FinalRun | undefined>;
}

export interface VerificationOptions {
  runner: GateRunner;
  tests: TestBaseline;
  /** Whether what is committed is judged at the end, in place of the work tree. */
  finishClean: boolean;
  /** Whether missing tests take back a claim. */
  testsCount: boolean;
  /** Its `takeBack` may wait. */
  backlog: { takeBack(storyIds: readonly string[]): void | Promise<void> };
  /** Gates of the settings: they count for every story. */
  gates: readonly Gate[];
  /** Names of variables that the user's shell has and gates do not get. */
  withheld: readonly string[];
  tree: EvidenceTree;
  /** Of the session so far, those that were not taken back. */
  claims: readonly { storyId: string; iteration: number }[];
  /** Names of gates that passed before in this session. */
  passedBefore: Iterable<string>;
  accepted: boolean;
  /** Whether the session before ended for want of evidence. */
  owesEvidence: boolean;
  /** What commands of agents have left running in the project, in words, if one can look. */
  leftRunning: () => Promise<readonly string[] | undefined>;
  /** The task's folder or PRD, relative to the project root: what changes there is no evidence. */
  taskPlace: string;
  /** The command that accepts the work as it is. */
  acceptCommand: string;
}

/** What is remembered for a session. */
interface Memory {
  readonly options: VerificationOptions;
  readonly evidence: Evidence;
  readonly gates: GateMemory;
  /** Those that were not taken back. */
  claims: readonly { storyId: string; iteration: number }[];
  /** What `tests.lost` said last. */
  lostBefore: string;
}

/** More of them say no more. */
const LEFT_MAX = 5;

export function createVerification(options: VerificationOptions): Verification {
  const { runner, tests, tree, taskPlace, passedBefore, claims } = options;
  const memory: Memory = {
    options,
    evidence: createEvidence(tree, taskPlace),
    gates: createGateMemory(passedBefore),
    claims,
    lostBefore: "",
  };
  return {
    async prepare(agenda) {
      await runner.keep(allGates(options.gates, agenda));
      await tests.begin();
    },
    baseline: (agenda, signal) => baseline(memory, agenda, signal),
    judgeTurn: (turn, signal) => judgeTurn(memory, turn, signal),
    prove: (agenda, how) => prove(memory, agenda, how),
  };
}

async function baseline(
  memory: Memory,
  agenda: Agenda,
  signal: AbortSignal,
): Promise<Baseline | undefined> {
  const { options, evidence } = memory;
  const gates = allGates(options.gates, agenda);
  if (gates.length === 0) return { gates: [], notes: [], warnings: [] };
  const before = await evidence.treeNow();
  const run = await options.runner.run(gates, signal);
  if (!run) return undefined;
  memory.gates.remember(run.results, before);
  await evidence.discountGates(before);
  const ofTask = new Set(gatesOfTask(options.gates, agenda).map(gateKey));
  const lacks = run.results.flatMap((result) =>
    gateLacks(result, options.withheld).map(({ text, fatal }) => ({
      text: `the gate \`${result.gate.name}\` fails before any work: ${text}`,
      fatal: fatal && ofTask.has(gateKey(result.gate)),
    }))
  );
  const loose = notAllCommitted(failingOf(run.results), { tree: before, start: before });
  return {
    gates: run.results.map(recordOf),
    notes: [...run.notes, ...await leftRunning(memory, run.results)],
    warnings: [
      ...lacks.filter(({ fatal }) => !fatal).map(({ text }) => text),
      ...loose === undefined ? [] : [loose],
    ],
    hopeless: lacks.find(({ fatal }) => fatal)?.text,
  };
}

async function judgeTurn(
  memory: Memory,
  { iteration, agenda, before, after, tree, found = [], review, deliver }: JudgedTurn,
  signal: AbortSignal,
): Promise<Verdict> {
  const { options, evidence } = memory;
  const { tests, testsCount } = options;
  memory.gates.treeChanged();
  const claimed = newlyPassing(before, after);
  const still = new Set(after.filter(({ passes }) => passes).map(({ id }) => id));
  // A person who stops does not wait for a count.
  const counted = signal.aborted ? undefined : await tests.lost({ tree, signal });
  const lost = counted ?? memory.lostBefore;
  const taskGates = gatesOfTask(options.gates, agenda);
  const gates = claimed.flatMap((story) => gatesOf(story, taskGates));
  const ran = gates.length === 0
    ? { results: [], notes: [] }
    : await runInTree(memory, gates, { tree, signal });
  // What was stopped meanwhile is not known to hold.
  const run = signal.aborted ? undefined : ran;
  const results = run?.results ?? [];
  const broke = memory.gates.broken(results);
  memory.gates.remember(results, tree);
  if (gates.length > 0) await evidence.discountGates(tree);

  const byGates = judgeClaims(claimed, {
    taskGates,
    results: run?.results,
    lostTests: testsCount ? lost : "",
  });
  const reviewed = await reviewedClaims(byGates, { claimed, results, review });
  // That takes its time, in which others may have written.
  if (reviewed !== byGates) memory.gates.treeChanged();
  const judged = await delivered(reviewed, { claimed, deliver });
  const takenBack = judged.filter(({ held }) => held === false);
  const stands = judged.filter(({ held }) => held !== false);
  const notWritten = await takeBack(options, takenBack.map(({ storyId }) => storyId));
  if (judged.some(({ held }) => held) && lost === "") await tests.accept();
  memory.claims = [
    ...memory.claims.filter(({ storyId }) => still.has(storyId)),
    ...stands.map(({ storyId }) => ({ storyId, iteration })),
  ];

  const loose = notAllCommitted(failingOf(results), { tree, start: options.tree.start });
  const notes: Note[] = [
    ...found,
    ...notWritten,
    ...run?.notes ?? [],
    ...loose === undefined ? [] : [{ about: "git", text: loose } as const],
    ...await leftRunning(memory, results),
    ...lost !== "" && lost !== memory.lostBefore ? [{ about: "tests", text: lost } as const] : [],
  ];
  memory.lostBefore = lost;
  return {
    claims: judged,
    gates: results.map(recordOf),
    notes,
    broke,
    failure: failureText({ notes, takenBack, results, testsCount }),
    failureKey: failureKeyOf(takenBack, results),
  };
}

const failingOf = (results: readonly GateResult[]) =>
  results.filter(({ passed }) => !passed).map(({ gate }) => gate);

/** What the gates let pass is looked at; what a reviewer refuses does not hold. */
async function reviewedClaims(
  claims: readonly Claim[],
  { claimed, results, review }: Pick<JudgedTurn, "review"> & {
    claimed: readonly Story[];
    results: readonly GateResult[];
  },
): Promise<readonly Claim[]> {
  const held = new Set(claims.filter(({ held }) => held).map(({ storyId }) => storyId));
  const wanted = claimed.filter(({ id, review }) => held.has(id) && review !== false);
  if (wanted.length === 0 || !review) return claims;
  const refused = new Map(
    (await review(wanted, results.map(recordOf))).map(({ storyId, why }) => [storyId, why]),
  );
  return claims.map((claim) => {
    const why = refused.get(claim.storyId);
    return why === undefined ? claim : { ...claim, held: false, why };
  });
}

/**
 * What holds is brought to where it belongs; what cannot be does not hold, also after a stop: nobody would
 * commit it later.
 */
async function delivered(
  claims: readonly Claim[],
  { claimed, deliver }: Pick<JudgedTurn, "deliver"> & { claimed: readonly Story[] },
): Promise<readonly Claim[]> {
  const held = new Set(claims.filter(({ held }) => held).map(({ storyId }) => storyId));
  if (held.size === 0 || !deliver) return claims;
  const why = await deliver(claimed.filter(({ id }) => held.has(id)));
  if (why === undefined) return claims;
  return claims.map((claim) => claim.held ? { ...claim, held: false, why } : claim);
}

async function prove(
  memory: Memory,
  agenda: Agenda,
  { claimed = "all stories pass", iterated, disturbed, signal, ...reviewing }: ProveOptions,
): Promise<FinalRun | undefined> {
  const { options } = memory;
  const lost = await lostTests(options, signal);
  if (lost === undefined) return undefined;
  if (lost !== "") return await blameForTests(memory, { lost, claimed });
  if (disturbed) memory.gates.treeChanged();
  const gates = allGates(options.gates, agenda);
  const passInTree = memory.gates.areFresh(gates);
  const run = options.finishClean && gates.length > 0
    ? await runOnCommitted(memory, gates, signal)
    : await runOnTree(memory, gates, signal);
  if (!run) return undefined;
  const { results } = run;
  const notes = [...run.notes, ...await leftRunning(memory, results)];
  const recorded = { gates: results.map(recordOf), notes };
  if (run.why !== undefined) {
    return { ...recorded, proof: { kind: "not_delivered", why: run.why }, takenBack: [] };
  }
  const failed = results.filter((result) => !result.passed);
  if (failed.length === 0) {
    const proof = await proofOf(memory, { iterated });
    const refused = proof.kind === "proved"
      ? await reviewAll(memory, agenda, { ...reviewing, iterated, gates: recorded.gates })
      : [];
    if (refused.length === 0) return { ...recorded, proof, takenBack: [] };
    return { ...recorded, ...await fallBack(memory, refused, { results, notes }) };
  }
  const takenBack = storiesToBlame(agenda.stories, {
    taskGates: gatesOfTask(options.gates, agenda),
    results,
    claims: memory.claims,
  });
  if (takenBack.length === 0) {
    const why = failed.map(({ gate, why }) => `the gate \`${gate.name}\` fails (${why})`);
    const kind = passInTree ? "not_delivered" : "gates_fail";
    const proof: Proof = { kind, why: `${claimed}, but ${why.join("; ")}` };
    return { ...recorded, proof, takenBack };
  }
  return {
    ...recorded,
    ...await fallBack(memory, takenBack, { results, notes }),
    undelivered: passInTree ? failsWhenClean(notes) : undefined,
  };
}

/** Why what passes in the work tree is not delivered. Where gates run is a person's to choose, no agent's. */
const failsWhenClean = (notes: readonly Note[]): string =>
  `${notes.map(({ text }) => text).join("; ")} ` +
  '(`"finish": "tree"` in ralph.json runs them in the work tree alone)';

/** Those that a reviewer refuses, of all: an earlier session may have left some to this one. */
async function reviewAll(
  { options: { accepted } }: Memory,
  { stories }: Agenda,
  { iterated, isReviewOwed, gates, review }:
    & Pick<ProveOptions, "iterated" | "isReviewOwed" | "review">
    & { gates: readonly GateRecord[] },
): Promise<readonly RefusedStory[]> {
  const wanted = stories.filter(({ passes, review }) => passes && review !== false);
  // A person who accepts the work as it is asks nobody.
  const isAsked = (iterated || isReviewOwed) && !accepted && wanted.length > 0;
  return isAsked && review ? await review(wanted, gates) : [];
}

/** Empty when none are, or nobody asks; undefined when stopped. */
async function lostTests(
  { tests, testsCount, accepted }: VerificationOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (signal.aborted) return undefined;
  return testsCount && !accepted ? await tests.lost({ signal }) : "";
}

/** A claim that was never judged, as in a turn that was stopped, may hide it. */
async function blameForTests(
  memory: Memory,
  { lost, claimed }: { lost: string; claimed: string },
): Promise<FinalRun> {
  const takenBack = memory.claims.map(({ storyId }) => ({ storyId, why: lost }));
  const recorded = { gates: [], notes: [{ about: "tests", text: lost } as const], takenBack };
  memory.lostBefore = lost;
  if (takenBack.length === 0) {
    return { ...recorded, proof: { kind: "gates_fail", why: `${claimed}, but ${lost}` } };
  }
  return {
    ...recorded,
    ...await fallBack(memory, takenBack, { results: [], notes: recorded.notes }),
  };
}

/** Takes claims back after a final run, and says so. */
async function fallBack(
  memory: Memory,
  takenBack: FinalRun["takenBack"],
  { results, notes: found }: Pick<ProofRun, "results" | "notes">,
): Promise<Pick<FinalRun, "takenBack" | "notes" | "failure" | "failureKey">> {
  const { options } = memory;
  const ids = new Set(takenBack.map(({ storyId }) => storyId));
  const notes = [...found, ...await takeBack(options, [...ids])];
  memory.claims = memory.claims.filter(({ storyId }) => !ids.has(storyId));
  memory.gates.treeChanged();
  const { testsCount } = options;
  return {
    takenBack,
    notes,
    failure: failureText({ notes, takenBack, results, testsCount }),
    failureKey: failureKeyOf(takenBack, results),
  };
}

interface ProofRun {
  results: readonly GateResult[];
  notes: readonly Note[];
  /** There was nothing to run them in: why, in words. */
  why?: string;
}

/** `tree`: what is there. A gate that passed on the same before, and fails now, is run once more. */
async function runInTree(
  { options: { runner, tree: trees }, gates: known }: Memory,
  gates: readonly Gate[],
  { tree, signal }: { tree: TreeState | undefined; signal: AbortSignal },
): Promise<ProofRun | undefined> {
  const run = await runner.run(gates, signal);
  if (!run) return undefined;
  const wanted = await contradictions(run.results, { known, tree: trees, now: tree });
  if (wanted.size === 0) return run;
  const again = await runner.run(upToLast(run.results, wanted), signal);
  if (!again) return undefined;
  return { ...run, results: settled(run.results, { again: again.results, wanted }) };
}

/** Those that have just passed on this very tree are not run again. */
async function runOnTree(
  memory: Memory,
  gates: readonly Gate[],
  signal: AbortSignal,
): Promise<ProofRun | undefined> {
  const { evidence, gates: known } = memory;
  if (known.areFresh(gates)) return { results: [], notes: [] };
  const before = await evidence.treeNow();
  const run = await runInTree(memory, gates, { tree: before, signal });
  if (!run) return undefined;
  known.remember(run.results, before);
  await evidence.discountGates(before);
  return run;
}

/** With what a person had not committed before the session, and nobody touched: it is no part of the work. */
function committedIn(now: TreeState, start: TreeState | undefined): TreeState {
  const isAsBefore = ([file, entry]: [string, { now: string }]) =>
    start?.changed.get(file)?.now === entry.now;
  return { ...now, changed: new Map([...now.changed].filter(isAsBefore)) };
}

/** The same in checkouts of what is committed: each run has a new one, so that none helps another. */
async function runCheckedOut(
  { options: { runner, tree }, gates: known }: Memory,
  gates: readonly Gate[],
  { committed, signal }: { committed: TreeState | undefined; signal: AbortSignal },
): Promise<CleanRun | undefined> {
  const run = await runner.runClean(gates, signal);
  // What is not there may be what it fails for.
  if (!run || "why" in run || run.lacking.length > 0) return run;
  const wanted = await contradictions(run.results, { known, tree, now: committed });
  if (wanted.size === 0) return run;
  const again = await runner.runClean(upToLast(run.results, wanted), signal);
  if (!again || "why" in again) return again;
  return { ...run, results: settled(run.results, { again: again.results, wanted }) };
}

async function runOnCommitted(
  memory: Memory,
  gates: readonly Gate[],
  signal: AbortSignal,
): Promise<ProofRun | undefined> {
  const { evidence, gates: known } = memory;
  const now = await evidence.treeNow();
  const committed = now && committedIn(now, memory.options.tree.start);
  const run = await runCheckedOut(memory, gates, { committed, signal });
  if (!run) return undefined;
  if ("why" in run) return { results: [], notes: [], why: run.why };
  known.remember(run.results, run.lacking.length > 0 ? undefined : committed);
  if (run.results.every(({ passed }) => passed)) return { results: run.results, notes: [] };
  const dirty = [...now?.changed.keys() ?? []];
  const lacking = [
    ...dirty.length > 0 ? [NOT_COMMITTED + listed(dirty)] : [],
    ...run.lacking.length > 0 ? [`ignored by git: ${listed(run.lacking)}`] : [],
  ];
  const text = "the gates ran in a clean checkout of what is committed" +
    (lacking.length > 0
      ? `, which has not all that is in the work tree (${lacking.join("; ")})`
      : "");
  const results = run.results.map((one) =>
    one.passed ? one : { ...one, why: `${one.why} in a clean checkout` }
  );
  return { results, notes: [{ about: "git", text }] };
}

/** A gate that fails may do so for what a command of an agent has left, such as a server on its port. */
async function leftRunning(
  { options }: Memory,
  results: readonly { passed: boolean }[],
): Promise<readonly Note[]> {
  if (results.every(({ passed }) => passed)) return [];
  const left = await options.leftRunning();
  if (!left || left.length === 0) return [];
  const words = left.slice(0, LEFT_MAX).join("; ");
  return [{ about: "left", text: `commands of agents have left running: ${words}` }];
}

/** No gate fails: what else shows that anything was done? */
async function proofOf(
  { options, evidence }: Memory,
  { iterated }: { iterated: boolean },
): Promise<Proof> {
  const needsEvidence = !options.accepted && (iterated || options.owesEvidence);
  const missing = needsEvidence ? await evidence.missing() : undefined;
  if (missing !== undefined) {
    return { kind: "unproven", why: unprovenWords(missing, options.acceptCommand) };
  }
  const loose = needsEvidence && options.finishClean ? await evidence.uncommitted() : undefined;
  return loose === undefined ? { kind: "proved" } : { kind: "not_delivered", why: loose };
}

/** What could not be written is reported: the next reading of the PRD finds it as it is. */
async function takeBack(
  { backlog }: VerificationOptions,
  storyIds: readonly string[],
): Promise<readonly Note[]> {
  if (storyIds.length === 0) return [];
  try {
    await backlog.takeBack(storyIds);
    return [];
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    return [{ about: "prd", text: error.message }];
  }
}

function unprovenWords(missing: string, acceptCommand: string): string {
  return `all stories are said to be done and no gate fails, but ${missing}; when it is right, ` +
    `accept it with \`${acceptCommand}\``;
}
