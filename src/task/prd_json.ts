/** `prd.json`: the form that most Ralph loops share. What is not named here is kept and ignored. */
import { type Gate, type GateFault, readGates } from "./gate.ts";
import { type JsonNode, type JsonObject, scanJson } from "./json_scan.ts";
import type { PrdDocument, StoryEntry } from "./prd_document.ts";
import { type Edit, lineAt, prdError, requireUtf8, type Source } from "./source.ts";

/**
 * Reads a `prd.json`. `null` counts as absent, and of a name that comes twice the last one counts,
 * as in `JSON.parse`. Throws `RalphError` (`usage`) with the place of the fault.
 */
export function readJsonPrd(source: Source): PrdDocument {
  requireUtf8(source);
  const root = scanJson(source);
  if (root.type !== "object") throw wrongType(source, root, { what: "the PRD", type: "an object" });
  const field = fieldsOf(source, root);
  const userStories = field.get("userStories");
  if (userStories?.type !== "array") {
    throw prdError(source, (userStories ?? root).start, "it has no array `userStories`");
  }
  if (userStories.items.length === 0) {
    throw prdError(source, userStories.start, "`userStories` is empty");
  }
  return {
    format: "json",
    title: field.string("project") || field.string("name"),
    description: field.string("description"),
    branchName: field.string("branchName") || undefined,
    verify: field.gates("verify", "verify"),
    entries: userStories.items.map((node, index) =>
      readStory(source, { node, place: `userStories[${index}]` })
    ),
  };
}

function readStory(
  source: Source,
  { node, place }: { node: JsonNode; place: string },
): StoryEntry {
  if (node.type !== "object") throw wrongType(source, node, { what: "a story", type: "an object" });
  const field = fieldsOf(source, node);
  const id = field.string("id");
  if (id.trim() === "") throw prdError(source, node.start, "this story has no `id`");
  const passesNow = field.boolean("passes");
  return {
    offset: node.start,
    story: {
      id,
      title: field.string("title"),
      description: field.string("description"),
      criteria: field.strings("acceptanceCriteria").map((text) => ({ text })),
      priority: field.number("priority") ?? Infinity,
      passes: passesNow,
      notes: [field.string("notes"), field.string("completionNotes")].filter(Boolean).join("\n"),
      dependsOn: field.strings("dependsOn"),
      verify: field.gates("verify", `${place}.verify`),
      line: lineAt(source, node.start),
    },
    passesEdits: (passes) => passes === passesNow ? [] : [passesEdit(source, node, passes)],
  };
}

/** Gives the story its `passes`; one that is new gets the layout of the members before it. */
function passesEdit({ view }: Source, story: JsonObject, passes: boolean): Edit {
  const { members } = story;
  const present = members.findLast(({ key }) => key === "passes")?.value;
  if (present) return { start: present.start, end: present.end, text: `${passes}` };
  const last = members[members.length - 1];
  const gap = members.length > 1
    ? view.slice(members[members.length - 2].value.end, last.keyStart)
    : `,${view.slice(story.start + 1, last.keyStart)}`;
  const colon = view.slice(last.keyEnd, last.value.start);
  const { end } = last.value;
  return { start: end, end, text: `${gap}"passes"${colon}${passes}` };
}

/** The members of an object by name, each with the type that it must have. */
function fieldsOf(source: Source, object: JsonObject) {
  const get = (key: string): JsonNode | undefined => {
    const value = object.members.findLast((member) => member.key === key)?.value;
    return value?.type === "null" ? undefined : value;
  };
  const expect = <T extends JsonNode["type"]>(
    key: string,
    type: T,
  ): Extract<JsonNode, { type: T }> | undefined => {
    const node = get(key);
    if (node === undefined || isOf(node, type)) return node;
    throw wrongType(source, node, { what: `\`${key}\``, type: NAMES[type] });
  };
  const strings = (key: string): readonly string[] =>
    expect(key, "array")?.items.map((item) => {
      if (item.type === "string") return item.value;
      throw wrongType(source, item, { what: `each item of \`${key}\``, type: NAMES.string });
    }) ?? [];
  return {
    get,
    strings,
    string: (key: string) => expect(key, "string")?.value ?? "",
    number: (key: string) => expect(key, "number")?.value,
    boolean: (key: string) => expect(key, "boolean")?.value ?? false,
    gates: (key: string, place: string): readonly Gate[] => {
      const node = get(key);
      const fault: GateFault = (offset, reason, hints) => prdError(source, offset, reason, hints);
      return node ? readGates(node, { place, fault }) : [];
    },
  };
}

const NAMES: Record<JsonNode["type"], string> = {
  object: "an object",
  array: "an array",
  string: "a string",
  number: "a number",
  boolean: "`true` or `false`",
  null: "`null`",
};

function isOf<T extends JsonNode["type"]>(
  node: JsonNode,
  type: T,
): node is Extract<JsonNode, { type: T }> {
  return node.type === type;
}

function wrongType(source: Source, node: JsonNode, wanted: { what: string; type: string }) {
  const { what, type } = wanted;
  return prdError(source, node.start, `${what} must be ${type}, and is ${NAMES[node.type]}`);
}
