/**
 * The loop's own look at what an agent claims: gates, tests, and what git says changed. Remembers for
 * a session what passed, what was claimed, and what the work is measured against.
 */
import { RalphError } from "../error.ts";
import type { TreeChange, TreeState } from "../host/git.ts";
import type { Claim, GateRecord, Note } from "../registry/model.ts";
import { type Gate, gateKey } from "../task/gate.ts";
import type { Story } from "../task/prd.ts";
import { plain } from "../terminal/plain.ts";
import { failureSignature } from "../verify/failure_signature.ts";
import type { GateResult } from "../verify/gates.ts";
import {
  brokenGates,
  gatesOf,
  judgeClaims,
  newlyPassing,
  outputsOf,
  recordOf,
  storiesToBlame,
} from "./claims.ts";
import type { Proof } from "./decide.ts";
import type { GateRunner } from "./gate_runner.ts";
import type { TestsKept } from "./tests_kept.ts";
import type { Agenda, Work } from "./work.ts";

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

/** What the run of all gates showed. `proof` undefined: claims were taken back, work goes on. */
export interface FinalRun extends Pick<Verdict, "gates" | "notes" | "failure" | "failureKey"> {
  proof?: Proof;
  takenBack: readonly { storyId: string; why: string }[];
}

export interface Verification {
  /** To be called with all gates whenever the agenda was read, before an agent works. */
  prepare(agenda: Agenda): Promise<void>;
  /** Judges what a turn left, and takes back the claims that do not hold. */
  judgeTurn(
    turn: {
      iteration: number;
      agenda: Agenda;
      before: readonly Story[];
      after: readonly Story[];
      tree?: TreeState;
      /** What was found otherwise. */
      found?: readonly Note[];
    },
    signal: AbortSignal,
  ): Promise<Verdict>;
  /**
   * Runs all gates, unless they just were, and looks for evidence when this session has made an
   * iteration. Undefined when aborted.
   */
  prove(
    agenda: Agenda,
    options: { iterated: boolean; signal: AbortSignal },
  ): Promise<FinalRun | undefined>;
}

export interface VerificationOptions {
  runner: GateRunner;
  tests: TestsKept;
  /** Whether missing tests take back a claim. */
  testsCount: boolean;
  /** Its `takeBack` may wait. */
  work: { takeBack(...of: Parameters<Work["takeBack"]>): void | Promise<void> };
  /** Gates of the settings: they count for every story. */
  gates: readonly Gate[];
  tree: {
    state(known?: TreeState): Promise<TreeState | undefined>;
    change(between: { before: TreeState; after: TreeState }): Promise<TreeChange | undefined>;
    /** What the session's work is measured against; undefined when git could not say. */
    start: TreeState | undefined;
    /** Called when that moves, since gates leave files behind too. */
    onStartMoved(start: TreeState): Promise<void>;
  };
  /** Of the session so far, those that were not taken back. */
  claims: readonly { storyId: string; iteration: number }[];
  /** Names of gates that passed before in this session. */
  passedBefore: Iterable<string>;
  accepted: boolean;
  /** Whether the session before ended for want of evidence. */
  owesEvidence: boolean;
  /** The task's folder, relative to the project root: what changes there is no evidence. */
  taskFolder: string;
  /** The command that accepts the work as it is. */
  acceptCommand: string;
}

export function createVerification(options: VerificationOptions): Verification {
  const { runner, tests, work, tree } = options;
  const passed = new Set(options.passedBefore);
  let { start } = tree;
  let claims = [...options.claims];
  /** Keys of gates that passed on the work tree as it is now. */
  let fresh = new Set<string>();
  let lostBefore = "";

  const taskGates = (agenda: Agenda) => [...options.gates, ...agenda.gates];
  const allGates = (agenda: Agenda) => [
    ...taskGates(agenda),
    ...agenda.stories.flatMap(({ verify = [] }) => verify),
  ];

  function remember(results: readonly GateResult[]): void {
    for (const { gate, passed: didPass } of results) {
      if (!didPass) continue;
      passed.add(gate.name);
      fresh.add(gateKey(gate));
    }
  }

  /** What could not be written is told: the next reading of the PRD finds it as it is. */
  async function takeBack(storyIds: readonly string[]): Promise<readonly Note[]> {
    if (storyIds.length === 0) return [];
    try {
      await work.takeBack(storyIds);
      return [];
    } catch (error) {
      if (!(error instanceof RalphError)) throw error;
      return [{ about: "prd", text: error.message }];
    }
  }

  /** Files that only the gates made or changed are no evidence of anybody's work. */
  async function discountGates(before: TreeState | undefined): Promise<void> {
    const after = before && start && await tree.state(before);
    if (!before || !start || !after) return;
    const byGates = (await tree.change({ before, after }))?.files ?? [];
    if (byGates.length === 0) return;
    const byWork = new Set((await tree.change({ before: start, after: before }))?.files);
    const changed = new Map(start.changed);
    for (const file of byGates) {
      const now = after.changed.get(file);
      if (now && !byWork.has(file)) changed.set(file, now);
    }
    start = { ...start, changed };
    await tree.onStartMoved(start);
  }

  /** Why nothing shows that anything was done; undefined when something does. */
  async function missingEvidence(): Promise<string | undefined> {
    if (!start) return "git could not say what was there when the session began";
    const now = await tree.state(start);
    if (!now) return "git cannot say what is there now: its repository is gone or damaged";
    const change = await tree.change({ before: start, after: now });
    if (!change) {
      return "the git repository was replaced: this one does not know the commit that the session " +
        "began with";
    }
    if (change.files.length > 0) return undefined;
    const nothing = `nothing outside ${options.taskFolder} differs from when the session began`;
    const known = new Set(start.repositories);
    const own = (now.repositories ?? []).filter((one) => !known.has(one));
    if (own.length === 0) return nothing;
    return `${nothing}: ${own.map((one) => `\`${plain(one, 80)}\``).join(", ")} is now a git ` +
      "repository of its own, whose files are no part of this one";
  }

  return {
    async prepare(agenda) {
      await runner.keep(allGates(agenda));
      await tests.begin();
    },

    async judgeTurn({ iteration, agenda, before, after, tree: treeNow, found = [] }, signal) {
      fresh = new Set();
      const claimed = newlyPassing(before, after);
      const still = new Set(after.filter(({ passes }) => passes).map(({ id }) => id));
      claims = claims.filter(({ storyId }) => still.has(storyId));
      // A person who stops does not wait for a count.
      const lost = signal.aborted ? lostBefore : await tests.lost();
      const gates = claimed.flatMap((story) => gatesOf(story, taskGates(agenda)));
      const run = gates.length === 0 ? { results: [], notes: [] } : await runner.run(gates, signal);
      const results = run?.results ?? [];
      const broke = brokenGates(results, passed);
      remember(results);
      if (gates.length > 0) await discountGates(treeNow);

      const judged = judgeClaims(claimed, {
        taskGates: taskGates(agenda),
        results: run?.results,
        lostTests: options.testsCount ? lost : "",
      });
      const takenBack = judged.filter(({ held }) => held === false);
      const stands = judged.filter(({ held }) => held !== false);
      const notWritten = await takeBack(takenBack.map(({ storyId }) => storyId));
      if (judged.some(({ held }) => held) && lost === "") await tests.accept();
      claims.push(...stands.map(({ storyId }) => ({ storyId, iteration })));

      const notes: Note[] = [
        ...found,
        ...notWritten,
        ...run?.notes ?? [],
        ...lost !== "" && lost !== lostBefore ? [{ about: "tests", text: lost } as const] : [],
      ];
      lostBefore = lost;
      return {
        claims: judged,
        gates: results.map(recordOf),
        notes,
        broke,
        failure: failureText({ notes, takenBack, results, testsCount: options.testsCount }),
        failureKey: failureKeyOf(takenBack, results),
      };
    },

    async prove(agenda, { iterated, signal }) {
      const gates = allGates(agenda);
      const areFresh = gates.every((gate) => fresh.has(gateKey(gate)));
      const before = areFresh ? undefined : await tree.state(start);
      const run = areFresh ? { results: [], notes: [] } : await runner.run(gates, signal);
      if (!run) return undefined;
      const { results, notes } = run;
      remember(results);
      await discountGates(before);
      const recorded = { gates: results.map(recordOf), notes };
      const failed = results.filter((result) => !result.passed);
      if (failed.length === 0) {
        const needsEvidence = !options.accepted && (iterated || options.owesEvidence);
        const missing = needsEvidence ? await missingEvidence() : undefined;
        const proof: Proof = missing === undefined
          ? { kind: "proved" }
          : { kind: "unproven", why: unprovenWords(missing, options.acceptCommand) };
        return { ...recorded, proof, takenBack: [] };
      }
      const takenBack = storiesToBlame(agenda.stories, {
        taskGates: taskGates(agenda),
        results,
        claims,
      });
      if (takenBack.length === 0) {
        const why = failed.map(({ gate, why }) => `the gate \`${gate.name}\` fails (${why})`);
        const proof = {
          kind: "gates_fail",
          why: `all stories pass, but ${why.join("; ")}`,
        } as const;
        return { ...recorded, proof, takenBack };
      }
      const ids = new Set(takenBack.map(({ storyId }) => storyId));
      const allNotes = [...notes, ...await takeBack([...ids])];
      claims = claims.filter(({ storyId }) => !ids.has(storyId));
      fresh = new Set();
      return {
        ...recorded,
        notes: allNotes,
        takenBack,
        failure: failureText({
          notes: allNotes,
          takenBack,
          results,
          testsCount: options.testsCount,
        }),
        failureKey: failureKeyOf(takenBack, results),
      };
    },
  };
}

/** What the next prompt says. */
function failureText({ notes, takenBack, results, testsCount }: {
  notes: readonly Note[];
  takenBack: readonly Pick<Claim, "storyId" | "why">[];
  results: readonly GateResult[];
  testsCount: boolean;
}): string | undefined {
  const lines = notes.map(({ about, text }) => {
    switch (about) {
      case "prd":
        return `In the PRD only \`passes\`, ticks and notes are yours to change: ${text}.`;
      case "judge":
        return `Changing them does not change what is checked: ${text}.`;
      case "tests":
        return `Tests were lost: ${text}.` +
          (testsCount ? " Put them back: until then no claim of a story holds." : "");
      case "git":
        return `Only what is in the project's folder counts: ${text}.`;
    }
  });
  const claims = takenBack.map(({ storyId, why }) =>
    `${storyId} was said to be done, and is open again: ${why}.`
  );
  const sections = [...lines, ...claims, outputsOf(results)].filter((one) => one !== "");
  return sections.join("\n\n") || undefined;
}

/** Equal for claims of the same stories that fell for the same reasons. */
function failureKeyOf(
  takenBack: readonly Pick<Claim, "storyId" | "why">[],
  results: readonly GateResult[],
): string | undefined {
  if (takenBack.length === 0) return undefined;
  const ids = takenBack.map(({ storyId }) => storyId);
  return [...ids, failureSignature(results) || takenBack[0].why].join("\n");
}

function unprovenWords(missing: string, acceptCommand: string): string {
  return `all stories are said to be done and no gate fails, but ${missing}; when it is right, ` +
    `accept it with \`${acceptCommand}\``;
}
