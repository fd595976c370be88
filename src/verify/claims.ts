/** Which claims hold, given what the gates and the tests say. Pure. */
import type { Claim, GateRecord } from "../store/model.ts";
import type { Agenda } from "../task/agenda.ts";
import { type Gate, gateKey } from "../task/gate.ts";
import type { Story } from "../task/prd.ts";
import type { GateResult } from "./gates/gates.ts";
import { usefulEnd } from "./gates/gate_output.ts";

/** What failing gates said goes into the next prompt, in UTF-16 units: some 3,000 tokens. */
const OUTPUTS_MAX = 12_000;

/** The gates of a story: those of the whole task, and its own. */
export function gatesOf(story: Story, taskGates: readonly Gate[]): readonly Gate[] {
  return [...taskGates, ...story.verify ?? []];
}

/** The gates of the whole task: those of the settings, and those of its PRD. */
export function gatesOfTask(ofSettings: readonly Gate[], agenda: Agenda): readonly Gate[] {
  return [...ofSettings, ...agenda.gates];
}

/** The gates of the whole task, and of all its stories. */
export function allGates(ofSettings: readonly Gate[], agenda: Agenda): readonly Gate[] {
  const ofStories = agenda.stories.flatMap(({ verify = [] }) => verify);
  return [...gatesOfTask(ofSettings, agenda), ...ofStories];
}

/** The stories that pass in `after`, and did not in `before`. */
export function newlyPassing(before: readonly Story[], after: readonly Story[]): readonly Story[] {
  const passed = new Set(before.filter(({ passes }) => passes).map(({ id }) => id));
  return after.filter(({ id, passes }) => passes && !passed.has(id));
}

/**
 * Judges the claims. `results` undefined: a stop came before the gates had run, so that nothing is
 * known. Such a claim does not hold: whoever finds the tick later would take it for work that passed.
 * `lostTests`: what tests are missing, in words; empty when none are.
 */
export function judgeClaims(
  claimed: readonly Story[],
  { taskGates, results, lostTests }: {
    taskGates: readonly Gate[];
    results: readonly GateResult[] | undefined;
    lostTests: string;
  },
): readonly Claim[] {
  return claimed.map((story): Claim => {
    if (!results) return { storyId: story.id, held: false, why: "stopped before it was judged" };
    const keys = new Set(gatesOf(story, taskGates).map(gateKey));
    const failed = results.filter(({ gate, passed }) => !passed && keys.has(gateKey(gate)));
    const why = [...failed.map(failureOf), lostTests].filter((one) => one !== "").join("; ");
    return { storyId: story.id, held: why === "", why: why || null };
  });
}

/**
 * Whom a failure of the run of all gates falls back on: the stories whose own gates fail, and, where
 * a gate of the whole task does, those that were claimed last. None when nothing was claimed in this
 * session.
 */
export function storiesToBlame(
  stories: readonly Story[],
  { taskGates, results, claims }: {
    taskGates: readonly Gate[];
    results: readonly GateResult[];
    /** Of this session, as far as they hold. */
    claims: readonly { storyId: string; iteration: number }[];
  },
): readonly { storyId: string; why: string }[] {
  if (claims.length === 0) return [];
  const failed = new Map(
    results.filter(({ passed }) => !passed).map((result) => [gateKey(result.gate), result]),
  );
  const lastIteration = Math.max(...claims.map(({ iteration }) => iteration));
  const last = new Set(
    claims.filter(({ iteration }) => iteration === lastIteration).map(({ storyId }) => storyId),
  );
  return stories.flatMap((story) => {
    const gates = last.has(story.id) ? gatesOf(story, taskGates) : story.verify ?? [];
    const failures = gates.flatMap((gate) => failed.get(gateKey(gate)) ?? []);
    if (failures.length === 0) return [];
    return [{ storyId: story.id, why: [...new Set(failures.map(failureOf))].join("; ") }];
  });
}

/** Names of the gates that fail now and are among those that `passedBefore` names. */
export function brokenGates(
  results: readonly GateResult[],
  passedBefore: ReadonlySet<string>,
): readonly string[] {
  return results.filter(({ gate, passed }) => !passed && passedBefore.has(gate.name))
    .map(({ gate }) => gate.name);
}

/** What failing gates printed, for the next prompt; empty when none failed. */
export function outputsOf(results: readonly GateResult[]): string {
  const failed = results.filter(({ passed }) => !passed);
  const room = Math.floor(OUTPUTS_MAX / Math.max(1, failed.length));
  return failed.map((result) => {
    const output = usefulEnd(result.output).slice(-room).trimEnd();
    const quoted = output.split("\n").map((line) => `    ${line}`.trimEnd()).join("\n");
    const said = output === "" ? "It printed nothing." : `The end of what it printed:\n\n${quoted}`;
    return `${failureOf(result)}. ${said}`;
  }).join("\n\n");
}

/** A result as it is recorded. */
export function recordOf(
  { gate, passed, flaky = false, why, output, durationMs }: GateResult,
): GateRecord {
  return { gate: gate.name, passed, flaky, why, output: usefulEnd(output), durationMs };
}

function failureOf({ gate, why }: GateResult): string {
  return `the gate \`${gate.name}\` fails: ${why}`;
}
