/** `prd.json`: the form that most Ralph loops share. What is not named here is kept and ignored. */
import { BRANCH_NAME } from "./branch_name.ts";
import { type Gate, type GateFault, readGates } from "./gate.ts";
import { type JsonNode, type JsonObject, scanJson } from "./json_scan.ts";
import { NAMES_OF, STORY_LISTS, type StoryNode, storyNodes, valueOf } from "./json_stories.ts";
import {
  isBookkeeping,
  jsonEdits,
  jsonMarks,
  jsonSpans,
  jsonState,
  type StatusWords,
  statusWords,
} from "./json_state.ts";
import { plain } from "../terminal/plain.ts";
import { isStatusOfLeftOut } from "./left_out.ts";
import type { PrdReading, StoryEntry } from "./prd_document.ts";
import { priorityFrom } from "./priority.ts";
import { aboutText, jsonOffers, type Section } from "./rest_of_prd.ts";
import { lineAt, prdError, requireUtf8, type Source, textAt } from "./source.ts";

const READ = new Set<string>([
  ...["id", "description", "priority", "passes", "notes", "completionNotes", "verify"],
  ...Object.values(NAMES_OF).flat(),
]);
/** What of the PRD itself says nothing to an agent, or is told in another place. */
const OF_PRD = new Set<string>([
  ...["project", "name", "title", "verify", "$schema", "version", "id", "epics", "phases"],
  ...NAMES_OF.branch,
  ...STORY_LISTS,
]);
/** Of a field that ralph does not know, in UTF-16 units. */
const FIELD_MAX = 2_000;

/**
 * Reads a `prd.json`. `null` counts as absent, and of a name that comes twice the last one counts,
 * as in `JSON.parse`. Throws `RalphError` (`usage`) with the place of the fault.
 */
export function readJsonPrd(source: Source): PrdReading {
  requireUtf8(source);
  const root = scanJson(source);
  if (root.type !== "object" && root.type !== "array") {
    throw wrongType(source, root, { what: "the PRD", type: "an object" });
  }
  const lists = storyNodes(root);
  const found = lists?.stories;
  const about = root.type === "object" ? root : { ...root, type: "object" as const, members: [] };
  const field = fieldsOf(source, about);
  if (found === undefined) {
    const { start } = field.get("userStories") ?? root;
    throw prdError(source, start, "it has no array `userStories`", [{
      text: `stories may also be in ${
        STORY_LISTS.slice(1).map((name) => `\`${name}\``).join(", ")
      }`,
    }]);
  }
  if (lists?.second) {
    const { name, node } = lists.second;
    throw prdError(source, node.start, `\`${name}\` is a second list of stories`, [{
      text: "put all stories into one list, or what is none under another name",
    }]);
  }
  if (found.length === 0) {
    throw prdError(
      source,
      (field.get("userStories") ?? root).start,
      "its list of stories is empty",
    );
  }
  const words = statusWords(found.flatMap(({ node }) => node.type === "object" ? [node] : []));
  return {
    format: "json",
    title: field.titleOf("project") || field.titleOf("name"),
    description: field.string("description"),
    branchName: branchOf(source, field),
    verify: field.gates("verify", "verify"),
    about: aboutText(besideStories(source, about)),
    offers: jsonOffers([
      about,
      ...found.flatMap(({ node }) => node.type === "object" ? [node] : []),
    ]),
    entries: found.filter(({ node }) => !whyLeft(node)).map((story) =>
      readStory(source, story, words)
    ),
    leftOut: found.flatMap(({ node, place }) => {
      const why = whyLeft(node);
      return why === undefined || node.type !== "object"
        ? []
        : [{ id: fieldsOf(source, node).id() || place, why, line: lineAt(source, node.start) }];
    }),
  };
}

function branchOf(source: Source, field: ReturnType<typeof fieldsOf>): string | undefined {
  const name = field.nameOf(NAMES_OF.branch);
  if (name === undefined) return undefined;
  const branch = field.string(name);
  if (branch === "" || BRANCH_NAME.test(branch)) return branch || undefined;
  const reason = `\`${name}\` is \`${plain(branch, 80)}\`, which is no name of a branch`;
  throw prdError(source, field.get(name)?.start ?? 0, reason);
}

function readStory(
  source: Source,
  { node, place, unread }: StoryNode,
  words: StatusWords,
): StoryEntry {
  if (unread !== undefined) {
    throw prdError(source, node.start, `this story has stories of its own in \`${unread}\``, [{
      text: "put them beside it, or write what they ask for into its `acceptanceCriteria`",
    }]);
  }
  if (node.type !== "object") throw wrongType(source, node, { what: "a story", type: "an object" });
  const field = fieldsOf(source, node);
  const id = field.id();
  if (id.trim() === "") {
    throw prdError(source, node.start, "this story has no `id`", [
      { text: 'give it one that no other has, such as `"id": "US-001"`' },
    ]);
  }
  field.boolean("passes");
  const state = jsonState(node);
  const marks = jsonMarks(state, words);
  return {
    offset: node.start,
    end: node.end,
    story: {
      id,
      title: field.string(field.nameOf(NAMES_OF.title) ?? ""),
      description: field.text("description"),
      criteria: field.texts(NAMES_OF.criteria).map((text) => ({ text })),
      priority: field.priority(),
      passes: state.passes,
      notes: [field.text("notes"), field.text("completionNotes"), ...field.others()]
        .filter(Boolean).join("\n"),
      dependsOn: field.ids(NAMES_OF.dependsOn).filter((id) =>
        !/^(?:none|nothing|n\/?a|[-–—])$/i.test(id)
      ),
      verify: field.gates("verify", `${place}.verify`),
      line: lineAt(source, node.start),
      ...marks && { marks },
      ...state.disagree !== undefined && { disagree: state.disagree },
    },
    // Others use the other names for packages, too.
    hasOnlyIds: ["dependsOn", "depends_on"].includes(field.nameOf(NAMES_OF.dependsOn) ?? ""),
    passesEdits: (passes) => jsonEdits(source, node, { passes, words }),
    state: jsonSpans(node),
  };
}

/** True, or the reason. */
const TAKES_OUT = ["skip", "skipped", "blocked", "cancelled", "canceled", "deferred", "removed"]
  .concat(["wontfix", "onHold", "outOfScope", "out_of_scope", "on_hold", "wont_fix"]);

/** Why a story is taken out of the work, in words; undefined when it is not. */
export function whyLeft(node: JsonNode): string | undefined {
  if (node.type !== "object") return undefined;
  for (const name of TAKES_OUT) {
    const value = valueOf(node, name);
    const isTrue = value?.type === "boolean" && value.value ||
      value?.type === "number" && value.value === 1;
    if (isTrue) return `\`${name}\` is true`;
    if (value?.type === "string" && !/^(?:false|no|none)?$/i.test(value.value.trim())) {
      return `\`${name}\` is ${plain(value.value, 40)}`;
    }
  }
  const status = valueOf(node, "status");
  if (status?.type !== "string" || !isStatusOfLeftOut(status.value)) return undefined;
  return `its status is ${plain(status.value, 40)}`;
}

/** The members of an object by name, each with the type that it must have. */
function fieldsOf(source: Source, object: JsonObject) {
  const get = (key: string): JsonNode | undefined => {
    const value = valueOf(object, key);
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
  const string = (key: string) => expect(key, "string")?.value ?? "";
  const nameOf = (names: readonly string[]) => names.find((name) => get(name) !== undefined);
  const texts = (names: readonly string[]) => {
    const node = get(nameOf(names) ?? "");
    return node === undefined ? [] : textsOf(source, node);
  };
  return {
    get,
    string,
    nameOf,
    texts,
    text: (key: string) => texts([key]).join("\n"),
    id: () => {
      const node = get("id");
      return node?.type === "number" ? `${node.value}` : string("id");
    },
    /** A text, or a thing with a name. */
    titleOf(key: string): string {
      const node = get(key);
      if (node?.type !== "object") return string(key);
      const name = valueOf(node, "name") ?? valueOf(node, "title");
      return name?.type === "string" ? name.value : "";
    },
    priority(): number {
      const node = get("priority");
      if (node?.type === "number") return node.value;
      return node?.type === "string" ? priorityFrom(node.value) : Infinity;
    },
    ids: (names: readonly string[]) =>
      texts(names).flatMap((text) => text.split(",")).map((id) => id.trim()).filter(Boolean),
    boolean: (key: string) => expect(key, "boolean")?.value ?? false,
    gates: (key: string, place: string): readonly Gate[] => {
      const node = get(key);
      const fault: GateFault = (offset, reason, hints) => prdError(source, offset, reason, hints);
      return node ? readGates(node, { place, fault }) : [];
    },
    /** What ralph does not know and an agent may need, each after its name. */
    others: () =>
      object.members.filter(({ key, value }) =>
        !READ.has(key) && !isBookkeeping(key) &&
        value.type !== "null" && value.type !== "boolean"
      ).map(({ key, value }) => {
        const lines = textsOf(source, value);
        const text = lines.length > 1 ? lines.map((line) => `\n- ${line}`).join("") : ` ${lines}`;
        return `${key}:${text}`.slice(0, FIELD_MAX);
      }),
  };
}

/** What the PRD itself says that is told in no other place. */
function besideStories(source: Source, { members }: JsonObject): readonly Section[] {
  return members.filter(({ key, value }) =>
    !OF_PRD.has(key) && !isBookkeeping(key) && value.type !== "null" && value.type !== "boolean"
  ).map(({ key, value }) => {
    const lines = textsOf(source, value);
    const text = lines.length > 1 ? lines.map((line) => `- ${line}`).join("\n") : lines.join("");
    return { name: key === "description" ? "" : key, text };
  });
}

/** The texts of a value: of a list one for each item, of a thing what it says, else its JSON. */
function textsOf(source: Source, node: JsonNode): readonly string[] {
  if (node.type === "array") return node.items.flatMap((item) => textsOf(source, item));
  if (node.type === "string") return node.value.trim() === "" ? [] : [node.value];
  if (node.type === "object") {
    const text = ["text", "description", "criterion", "title", "name"]
      .map((name) => valueOf(node, name)).find((value) => value?.type === "string");
    if (text?.type === "string") return [text.value];
  }
  return node.type === "null" ? [] : [textAt(source, node.start, node.end)];
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
