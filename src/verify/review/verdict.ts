/** What a reviewer's answer is worth: only evidence that is there counts. Pure. */
import type { ReviewFinding } from "../../store/model.ts";
import type { Story } from "../../task/prd.ts";
import { findingWords, REFUSES } from "../../terminal/finding_words.ts";
import { plain } from "../../terminal/plain.ts";
import type { Answer } from "./answer.ts";
import { type FilePatch, oldLines } from "./changes.ts";
import { criteriaOf } from "./prompt.ts";

export interface RefusedStory {
  storyId: string;
  /** In the reviewer's words, for the next prompt. */
  why: string;
}

type Weighed =
  | { kind: "judged"; findings: readonly ReviewFinding[]; refused: readonly RefusedStory[] }
  /** `fault`: why, in words. */
  | { kind: "unusable"; fault: string };

/** How many lines a file of the project has now; undefined where there is no such file in it. */
export type LinesOf = (file: string) => number | undefined;

interface Known {
  linesOf: LinesOf;
  changes: readonly FilePatch[] | undefined;
}

/** Of all faults of an answer. */
const FAULTS_MAX = 5;
/** Of what is told of one story, in UTF-16 units. */
const WHY_MAX = 4_000;

/**
 * Whether the stories are done. A criterion that is left out, one that is met without a place that is
 * there, and a refusal or a problem whose places are all made up, make the whole answer unusable: who
 * makes up one thing is not to be believed in another.
 */
export function weigh(answer: Answer, stories: readonly Story[], known: Known): Weighed {
  // Each counted once: an answer may name a large file five thousand times.
  const linesOf = remembered(known.linesOf);
  const weighed = stories.map((story) => weighStory(answer, story, { ...known, linesOf }));
  const faults = weighed.flatMap(({ faults }) => faults);
  if (faults.length > 0) {
    const more = faults.length > FAULTS_MAX ? [`${faults.length - FAULTS_MAX} more`] : [];
    return { kind: "unusable", fault: [...faults.slice(0, FAULTS_MAX), ...more].join("; ") };
  }
  const findings = weighed.flatMap(({ findings }) => findings);
  return { kind: "judged", findings, refused: refusedIn(findings) };
}

/** What was found against each story, in the order of the findings. */
export function refusedIn(findings: readonly ReviewFinding[]): readonly RefusedStory[] {
  const against = Map.groupBy(findings.filter(({ met }) => !met), ({ storyId }) => storyId);
  return [...against].map(([storyId, found]) => {
    const words = found.map((one) => findingWords(one)).join("; ");
    return { storyId, why: plain(`${REFUSES}: ${words}`, WHY_MAX) };
  });
}

function weighStory(answer: Answer, story: Story, known: Known) {
  const faults: string[] = [];
  const findings: ReviewFinding[] = [];
  const named = answer.stories.filter(({ id }) => id === story.id);
  const inStory = (what: string) => void faults.push(`${plain(story.id, 60)}: ${what}`);
  if (named.length === 0) inStory("the answer has nothing about it");
  criteriaOf(story).forEach((criterion, i) => {
    const said = named.flatMap(({ criteria }) => criteria).filter((one) => one.criterion === i + 1);
    if (named.length > 0 && said.length === 0) inStory(`criterion ${i + 1} is left out`);
    const found = said.map(({ met, why, evidence }): ReviewFinding => ({
      storyId: story.id,
      criterion,
      met,
      what: why,
      evidence: evidence.map((one) => ({ ...one, there: isThere(one, known) })),
    }));
    for (const { met, evidence } of found) {
      const needsPlace = met || evidence.length > 0;
      if (needsPlace && !evidence.some(({ there }) => there)) {
        inStory(`criterion ${i + 1} is said to be ${met ? "met" : "not met"} ${noPlace(evidence)}`);
      }
    }
    findings.push(...strictest(found));
  });
  const problems = named.flatMap(({ problems }) => problems);
  const each = new Map(problems.map((one) => [JSON.stringify(Object.values(one)), one]));
  for (const { kind, what, file, line } of each.values()) {
    const there = isThere({ file, line }, known);
    if (!there) inStory(`the problem \`${plain(kind, 40)}\` is ${noPlace([{ file, line }])}`);
    findings.push({
      storyId: story.id,
      criterion: null,
      met: false,
      what: `${kind}: ${what}`,
      evidence: [{ file, line, there }],
    });
  }
  return { faults, findings };
}

function noPlace(places: readonly { file: string; line: number }[]): string {
  if (places.length === 0) return "without a file and a line";
  const shown = places.slice(0, 3).map(({ file, line }) => `${plain(file, 200)}:${line}`);
  return `at a place that is not there, or is no work (${shown.join(", ")})`;
}

/** Of a criterion that is answered more than once what is against it holds, whatever else is said. */
function strictest(found: readonly ReviewFinding[]): readonly ReviewFinding[] {
  const against = found.filter(({ met }) => !met);
  const [first, ...others] = against.length > 0 ? against : found.slice(0, 1);
  if (others.length === 0) return first ? [first] : [];
  const words = new Set(against.map(({ what }) => what));
  const evidence = against.flatMap((one) => one.evidence);
  return [{ ...first, what: [...words].join("; "), evidence }];
}

function remembered(linesOf: LinesOf): LinesOf {
  const known = new Map<string, number | undefined>();
  return (file) => {
    if (!known.has(file)) known.set(file, linesOf(file));
    return known.get(file);
  };
}

/** In the tree as it is, or in what a file was before. */
function isThere(
  { file, line }: { file: string; line: number },
  { linesOf, changes = [] }: Known,
): boolean {
  const patch = changes.find(({ path }) => path === file)?.patch ?? "";
  return line <= Math.max(linesOf(file) ?? 0, oldLines(patch));
}
