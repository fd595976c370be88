/** What of a `prd.json` is protected. Reads what can be read: a fault in one story spares the others. */
import { type JsonNode, scanJson } from "../task/json_scan.ts";
import { requireUtf8, type Source } from "../task/source.ts";
import type { PrdParts, StoryParts } from "./prd_parts.ts";

/** What an agent may write into a story, beside `passes`. */
const NOTES: readonly string[] = ["notes", "completionNotes"];

/** Throws `RalphError` (`usage`) for what is not JSON. Things without an id are no stories. */
export function jsonParts(source: Source): PrdParts {
  requireUtf8(source);
  const root = membersOf(scanJson(source));
  const list = root.get("userStories");
  root.delete("userStories");
  const stories = list?.type === "array" ? list.items.flatMap(storyParts) : [];
  return {
    parts: meanings(root),
    stories,
    layout: JSON.stringify(stories.map(({ id }) => id)),
  };
}

function storyParts(node: JsonNode): readonly StoryParts[] {
  const members = membersOf(node);
  const id = members.get("id");
  if (id?.type !== "string") return [];
  const passes = members.get("passes") ?? { type: "null" };
  const notes = NOTES.map((name) => members.get(name));
  for (const name of ["id", "passes", ...NOTES]) members.delete(name);
  return [{
    id: id.value,
    parts: meanings(members),
    passes: passes.type === "boolean" ? passes.value : passes.type === "null" ? false : undefined,
    notesLength: notes.reduce((sum, note) => sum + (note ? note.end - note.start : 0), 0),
  }];
}

/** By name; of a name that comes twice the last one counts, as in `JSON.parse`. */
function membersOf(node: JsonNode): Map<string, JsonNode> {
  const members = node.type === "object" ? node.members : [];
  return new Map(members.map(({ key, value }) => [key, value]));
}

function meanings(members: ReadonlyMap<string, JsonNode>): ReadonlyMap<string, string> {
  return new Map(Array.from(members, ([name, node]) => [name, meaning(node)]));
}

/** JSON without layout: equal for what `JSON.parse` reads as the same, in whatever order its keys. */
function meaning(node: JsonNode): string {
  switch (node.type) {
    case "object": {
      const members = [...meanings(membersOf(node))].map((
        [key, value],
      ) => [JSON.stringify(key), value]);
      return `{${members.map((member) => member.join(":")).toSorted().join()}}`;
    }
    case "array":
      return `[${node.items.map(meaning).join()}]`;
    case "null":
      return "null";
    case "string":
      return JSON.stringify(node.value);
    default:
      return `${node.value}`;
  }
}
