/**
 * What of a `prd.json` is protected: all of it but `passes` and notes. A fault in one story spares
 * the others.
 */
import { type JsonNode, scanJson } from "../../task/json_scan.ts";
import { idsOf, NAMES_OF, STORY_LISTS, storyNodes } from "../../task/json_stories.ts";
import { isBookkeeping, isStateName, jsonState } from "../../task/json_state.ts";
import { whyLeftOut } from "../../task/prd_json.ts";
import { requireUtf8 } from "../../task/open_source.ts";
import type { Difference, PrdReader, StoryParts } from "./prd_parts.ts";

/** By name. */
type Meanings = ReadonlyMap<string, string>;

/** What an agent may write into a story: its state with what is kept about it, and notes. */
const isAgents = (name: string) =>
  ["notes", "completionNotes"].includes(name) || isStateName(name) || isBookkeeping(name);
/** What ralph reads, so that what comes in one of these is never harmless. */
const READ = new Set<string>([
  ...["project", "description", "priority", "verify", ...STORY_LISTS],
  ...Object.values(NAMES_OF).flat(),
]);
/** In these, white space is layout. */
const TEXTS = new Set<string>([
  ...["project", "description"],
  ...NAMES_OF.title,
  ...NAMES_OF.criteria,
]);
/** As good as absent. */
const NOTHING = /^(?:null|""|\[\])?$/;
/** Of a name that comes twice the last one counts, as in `JSON.parse`. Things without an id are no stories. */
export const jsonReader: PrdReader<Meanings> = {
  read(source) {
    requireUtf8(source);
    const root = scanJson(source);
    const all = (storyNodes(root)?.stories ?? []).filter(({ isEmpty }) => !isEmpty);
    const ids = idsOf(all);
    const found = all.map((story, i) => ({ story, id: ids[i] }))
      .filter(({ story }) => whyLeftOut(story) === undefined);
    const stories = found.flatMap(({ story: { node }, id }) => storyParts(node, id));
    const order = JSON.stringify(stories.map(({ id }) => id));
    const outside = meanings(membersOf(root), new Set(found.map(({ story: { node } }) => node)));
    return { outside, placed: new Map([["order", order]]), stories };
  },
  compare,
};

function storyParts(node: JsonNode, id: string): readonly StoryParts<Meanings>[] {
  if (node.type !== "object" || id === "") return [];
  const members = membersOf(node);
  const own = [...members].filter(([name]) => isAgents(name));
  const passes = members.get("passes");
  for (const name of ["id", ...own.map(([name]) => name)]) members.delete(name);
  const state = jsonState(node);
  const isClear = passes === undefined || ["boolean", "null"].includes(passes.type);
  return [{
    id,
    content: meanings(members),
    passes: isClear ? state.passes : undefined,
    claimed: state.claimed,
    notesLength: own.reduce((sum, [, { start, end }]) => sum + (end - start), 0),
  }];
}

function compare(good: Meanings, now: Meanings): Difference {
  const names = [...new Set([...good.keys(), ...now.keys()])]
    .filter((name) => good.get(name) !== now.get(name));
  const isHarmless = (name: string) =>
    READ.has(name)
      ? NOTHING.test(good.get(name) ?? "") && NOTHING.test(now.get(name) ?? "")
      : !good.has(name) || isBookkeeping(name);
  return {
    changed: names.filter((name) => !isHarmless(name)),
    added: names.filter(isHarmless),
  };
}

function membersOf(node: JsonNode): Map<string, JsonNode> {
  const members = node.type === "object" ? node.members : [];
  return new Map(members.map(({ key, value }) => [key, value]));
}

/** `stories`: nodes that are compared by themselves, and are nothing but a list of stories here. */
function meanings(
  members: ReadonlyMap<string, JsonNode>,
  stories: ReadonlySet<JsonNode> = new Set(),
): Meanings {
  return new Map(Array.from(members, ([name, node]) => [name, meaning(node, { name, stories })]));
}

interface About {
  name: string;
  stories: ReadonlySet<JsonNode>;
}

/** JSON without layout: equal for what `JSON.parse` reads as the same, in whatever order its keys. */
function meaning(node: JsonNode, { name, stories }: About): string {
  switch (node.type) {
    case "object": {
      const members = Array.from(
        membersOf(node),
        ([key, value]) => `${JSON.stringify(key)}:${meaning(value, { name: key, stories })}`,
      );
      return `{${members.toSorted().join()}}`;
    }
    case "array": {
      const others = node.items.filter((item) => !stories.has(item));
      const inside = others.map((item) => meaning(item, { name, stories })).join();
      return others.length < node.items.length ? `stories[${inside}]` : `[${inside}]`;
    }
    case "null":
      return "null";
    case "string":
      return JSON.stringify(
        TEXTS.has(name) ? node.value.replaceAll(/\s+/g, " ").trim() : node.value,
      );
    default:
      return `${node.value}`;
  }
}
