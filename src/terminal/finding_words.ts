/** What a reviewer found, as one clause that is safe to print. */
import { plain } from "./plain.ts";

/** How a refusal begins; the findings follow. */
export const REFUSES = "an independent review refuses it";

/** Why a claim fell, where the findings stand beside it. */
export const withoutFindings = (why: string): string =>
  why.startsWith(`${REFUSES}:`) ? REFUSES : why;

/** In UTF-16 units. */
const MAX = { criterion: 200, words: 600, path: 200 };

/** What is told of a verdict: what is against the work, and what is beside its criteria. */
export const isTold = ({ met, criterion }: { met: boolean; criterion: string | null }): boolean =>
  !met || criterion === null;

export function findingWords(
  { criterion, met, what, evidence }: {
    /** Null: found beside the criteria. */
    criterion: string | null;
    met: boolean;
    what: string;
    evidence: readonly { file: string; line: number; there: boolean }[];
  },
): string {
  const places = evidence.map(({ file, line, there }) =>
    `${plain(file, MAX.path)}:${line}${there ? "" : " (not there)"}`
  );
  const at = places.length > 0 ? ` (${places.join(", ")})` : "";
  const about = criterion === null
    ? ""
    : `“${plain(criterion, MAX.criterion)}” is ${met ? "met" : "not met"}: `;
  return `${about}${plain(what, MAX.words)}${at}`;
}
