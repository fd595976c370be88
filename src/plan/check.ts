/** What is wrong with the stories of a PRD though it can be read: by rules, which know only words. */
import { dependenciesIn } from "../task/dependencies.ts";
import type { Draft } from "./draft.ts";
import { plural } from "../terminal/plural.ts";

export interface Checked {
  id: string;
  title: string;
  description: string;
  criteria: readonly string[];
  dependsOn: readonly string[];
}

export interface Finding {
  /** Undefined: of the PRD as a whole. */
  story?: string;
  kind: "uncheckable" | "large" | "dependency" | "gate";
  text: string;
}

/** More of them are more than one thing. */
const CRITERIA_MAX = 8;
/** Fewer, such as "done", say nothing. */
const WORDS_MIN = 3;
/** Of a story with its criteria, in UTF-16 units: about a page. */
const TEXT_MAX = 3_000;

/** What says how good something is, and not how that is seen. */
const VAGUE = new RegExp(
  "\\b(?:(?:works?|functions?|behaves?|runs?)\\s+(?:well|properly|correctly|as (?:expected|intended)|fine|" +
    "smoothly|perfectly)|as expected|as intended|(?:is|are|looks?|feels?)\\s+(?:\\w+\\s+)?(?:good|nice|clean|" +
    "fast|easy|intuitive|robust|simple|readable|maintainable|scalable|performant|modern|user[- ]friendly|" +
    "well[- ]tested|secure|reliable|efficient)|user[- ]friendly|high quality|best practices|good performance|" +
    "properly handled|handles? (?:all )?(?:errors|edge cases)(?: gracefully)?|gracefully|and so on|etc\\.?)(?!\\w)",
  "i",
);
/** A number, a name of code, a quotation or a command: something to look for. */
const SEEN = /\d|`[^`]+`|"[^"]+"|'[^']+'|“[^”]+”|\b[\w-]+\.[a-z]{1,5}\b|\b[\w.-]+\/[\w./-]+|--\w/;
/** "Typecheck passes" says it in two words. */
const CHECKS =
  /\b(?:type-?check\w*|types|tests?|lint\w*|builds?|compiles?|format\w*|ci|coverage)\b/i;
const WHOLE =
  /\b(?:everything|all (?:the )?(?:features|pages|endpoints|modules|screens|remaining|rest)|(?:the )?(?:whole|entire) (?:app|application|system|project|code ?base|api|site|product|backend|frontend))\b/i;
const EARLIER =
  /\b(?:(?:previous|preceding|earlier|first|above) (?:user )?stor(?:y|ies)|story above|stories above)\b/i;

/** Criteria that nothing can check, stories too large, and dependencies that are only in the text. */
export function storyFindings(stories: readonly Checked[]): readonly Finding[] {
  const ids = new Set(stories.map(({ id }) => id));
  const needs = new Map(stories.map(({ id, dependsOn }) => [id, dependsOn]));
  return stories.flatMap((story, i) => {
    const of = (kind: Finding["kind"], text: string): Finding => ({ story: story.id, kind, text });
    return [
      ...vague(story).map((text) => of("uncheckable", text)),
      ...large(story).map((text) => of("large", text)),
      ...unordered(story, { ids, needs, isFirst: i === 0 }).map((text) => of("dependency", text)),
    ];
  });
}

function vague({ criteria }: Checked): readonly string[] {
  if (criteria.length === 0) return ["it has no criterion: nothing says when it is done"];
  return criteria.flatMap((text) => {
    if (SEEN.test(text)) return [];
    const isShort = text.trim().split(/\s+/).length < WORDS_MIN;
    if (isShort && !CHECKS.test(text)) return [`"${text}" says too little to check`];
    const words = VAGUE.exec(text)?.[0];
    if (words === undefined) return [];
    return [`"${words}" is nothing that a command can check: ${text}`];
  });
}

function large({ title, description, criteria }: Checked): readonly string[] {
  const length = title.length + description.length + criteria.join("\n").length;
  const whole = WHOLE.exec(title)?.[0];
  return [
    ...criteria.length > CRITERIA_MAX
      ? [`it has ${criteria.length} criteria: split it, an agent works on it in one sitting`]
      : [],
    ...length > TEXT_MAX ? [`it is ${plural(length, "character")} long: split it`] : [],
    ...whole === undefined ? [] : [`its title says "${whole}": say which, or split it`],
  ];
}

/** Stories that the text names, and that it does not wait for. */
function unordered(
  { id, title, description, criteria, dependsOn }: Checked,
  { ids, needs, isFirst }: {
    ids: ReadonlySet<string>;
    needs: ReadonlyMap<string, readonly string[]>;
    isFirst: boolean;
  },
): readonly string[] {
  const text = [title, description, ...criteria].join("\n");
  const named = dependenciesIn(text).filter((one) => one !== id && ids.has(one));
  const known = reached(id, needs);
  const lost = named.filter((one) => !known.has(one) && !reached(one, needs).has(id));
  if (lost.length > 0) return [`it speaks of ${lost.join(", ")}, and does not depend on it`];
  const words = EARLIER.exec(text)?.[0];
  const isAlone = dependsOn.length === 0 && !isFirst;
  return words !== undefined && isAlone ? [`it speaks of the "${words}", and depends on none`] : [];
}

/** All that a story waits for. */
function reached(
  id: string,
  needs: ReadonlyMap<string, readonly string[]>,
): ReadonlySet<string> {
  const found = new Set<string>();
  const next = [id];
  for (let one = next.pop(); one !== undefined; one = next.pop()) {
    for (const need of needs.get(one) ?? []) {
      if (!found.has(need)) next.push(need);
      found.add(need);
    }
  }
  return found;
}

/** A finding in one line. */
export const findingWords = ({ story, text }: Finding) =>
  story === undefined ? text : `${story}: ${text}`;

/** What no gate checks. `general`: how many count for every story; `own`: the open ones with gates of theirs. */
export function gateFindings(
  general: number,
  { stories, own }: { stories: readonly Pick<Checked, "id">[]; own: ReadonlySet<string> },
): readonly Finding[] {
  if (general > 0) return [];
  const text = "nothing but the agent's word tells when it is done";
  return own.size === 0
    ? [{ kind: "gate", text: `there is no gate: ${text}; see \`ralph init\`` }]
    : stories.filter(({ id }) => !own.has(id)).map(({ id }): Finding => ({
      ...{ story: id, kind: "gate", text: `no gate checks it: ${text}` },
    }));
}

/** Of a draft, in one line each. `gates`: how many it will have, those of the project among them. */
export function draftRemarks(
  { stories }: Pick<Draft, "stories">,
  gates: number,
): readonly string[] {
  const ofGates = gateFindings(gates, { stories, own: new Set() });
  return [...storyFindings(stories), ...ofGates].map(findingWords);
}
