/** `prd.json`: the form that most Ralph loops share. What is not named here is kept and ignored. */
import { BRANCH_NAME } from "./branch_name.ts";
import { type Gate, type GateFault, readGates } from "./gate.ts";
import { type JsonNode, type JsonObject, scanJson } from "./json_scan.ts";
import {
  ID_NAMES,
  idsOf,
  LISTS,
  NAMES_OF,
  SAYING,
  STORY_LISTS,
  type StoryNode,
  storyNodes,
  valueOf,
} from "./json_stories.ts";
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
import { remark } from "./remark.ts";
import { aboutText, jsonOffers, type Section } from "./rest_of_prd.ts";
import { dependenciesOf } from "./dependencies.ts";
import { type Fault, prdError, reading } from "./faults.ts";
import { requireUtf8 } from "./open_source.ts";
import { lineAt, type Source, textAt } from "./source.ts";

const READ = new Set<string>([
  ...["description", "notes", "completionNotes", "verify"],
  ...ID_NAMES,
  ...Object.values(NAMES_OF).flat(),
]);
/** What the PRD itself depends on: tasks. Others use the other names for packages, too. */
const OF_TASKS = NAMES_OF.dependsOn.slice(0, 2);
/** What of the PRD itself says nothing to an agent, or is told in another place. */
const OF_PRD = new Set<string>([
  ...["project", "name", "title", "verify", "$schema", "version", "id"],
  ...NAMES_OF.branch,
  ...OF_TASKS,
  ...LISTS,
]);
/** Names in place of a list of stories. */
const OTHERS_MAX = 5;
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
    const { offset, reason } = wrongType(root, { what: "the PRD", type: "an object" });
    throw prdError(source, offset, reason);
  }
  const lists = storyNodes(root);
  const found = lists?.stories.filter(({ isEmpty }) => !isEmpty);
  const about = lists?.holder ??
    (root.type === "object" ? root : { ...root, type: "object" as const, members: [] });
  const faults: Fault[] = [];
  const report = (fault: Fault) => void faults.push(fault);
  const field = fieldsOf(source, about, report);
  if (found === undefined) {
    const { start } = field.get("userStories") ?? root;
    throw prdError(source, start, `it has no array \`userStories\`${othersIn(about)}`, [{
      text: `stories may also be in ${
        STORY_LISTS.slice(1).map((name) => `\`${name}\``).join(", ")
      }`,
    }]);
  }
  if (lists?.second) {
    const { name, node } = lists.second;
    report({
      offset: node.start,
      reason: `\`${name}\` is a second list of stories`,
      hints: [{ text: "put all stories into one list, or what is none under another name" }],
    });
  }
  if (found.length === 0) {
    throw prdError(
      source,
      (field.get("userStories") ?? root).start,
      "its list of stories is empty",
    );
  }
  const ids = new Map(idsOf(found).map((id, i) => [found[i], id]));
  const idOf = (story: StoryNode) => ids.get(story) ?? "";
  const words = statusWords(found.flatMap(({ node }) => node.type === "object" ? [node] : []));
  return {
    format: "json",
    title: field.titleOf("project") || field.titleOf("name"),
    description: field.string("description"),
    branchName: branchOf(field, report),
    dependsOn: dependenciesOf(field.texts(OF_TASKS, ["name", "id"])),
    verify: field.gates("verify", "verify"),
    about: aboutText(besideStories(source, about)),
    offers: jsonOffers([
      about,
      ...found.flatMap(({ node }) => node.type === "object" ? [node] : []),
    ]),
    entries: found.filter((one) => !whyLeftOut(one)).flatMap((story) =>
      readStory(source, story, { id: idOf(story), words, report })
    ),
    leftOut: found.flatMap((one) => {
      const { node, place } = one;
      const why = whyLeftOut(one);
      if (why === undefined || node.type !== "object") return [];
      const id = idOf(one) || place;
      return [{ id, why, line: lineAt(source, node.start) }];
    }),
    remarks: [
      ...statusRemarks(source, found),
      partRemark(source, found),
      emptyRemark(source, lists?.stories ?? []),
    ].filter((line) => line !== undefined),
    faults,
  };
}

/** Of stories with a status in words that say nothing here, and nothing else that says they are open. */
function statusRemarks(
  source: Source,
  found: readonly StoryNode[],
): readonly (string | undefined)[] {
  const unknown = (passing: boolean) =>
    found.flatMap((one) => {
      if (one.node.type !== "object" || whyLeftOut(one)) return [];
      const { passes, signs, unknownStatus } = jsonState(one.node);
      const isMeant = passes === passing && (passing || signs.length === 0);
      if (!isMeant || unknownStatus === undefined) return [];
      return [`\`${plain(unknownStatus, 40)}\` (line ${lineAt(source, one.node.start)})`];
    });
  return [
    remark("passing, with a status that is not known", unknown(true)),
    remark("open, with a status that is not known", unknown(false)),
  ];
}

/** Of phases and their like that have no story yet. */
function emptyRemark(source: Source, found: readonly StoryNode[]): string | undefined {
  const empty = found.filter(({ isEmpty }) => isEmpty);
  return remark(
    "without stories",
    empty.map(({ node, place }) => `\`${plain(place, 60)}\` (line ${lineAt(source, node.start)})`),
  );
}

/** What stands in the place of stories. */
function othersIn({ members }: JsonObject): string {
  const names = members.filter(({ key, value }) =>
    !STORY_LISTS.includes(key) &&
    (value.type === "object" || value.type === "array" && value.items.some(isObject))
  ).map(({ key }) => `\`${plain(key, 40)}\``);
  return names.length === 0 ? "" : `; what it has is ${names.slice(0, OTHERS_MAX).join(", ")}`;
}

const isObject = (node: JsonNode): node is JsonObject => node.type === "object";

/** Of stories that pass, and have parts that do not: no claim needs those. */
function partRemark(source: Source, found: readonly StoryNode[]): string | undefined {
  const parts = found.flatMap((one) => {
    if (one.node.type !== "object" || whyLeftOut(one) || !jsonState(one.node).passes) return [];
    return one.node.members.flatMap(({ key, value }) => {
      const items = value.type === "array" ? value.items.filter(isObject) : [];
      const isOpen = items.some((item) => jsonState(item).signs.some(({ done }) => !done));
      return isOpen ? [`\`${plain(key, 40)}\` (line ${lineAt(source, value.start)})`] : [];
    });
  });
  return remark("passing, with parts that are open", parts);
}

/** Why a story is taken out of the work, by itself or with what it is in. */
export function whyLeftOut({ node, groups = [] }: StoryNode): string | undefined {
  const own = whyLeft(node);
  if (own !== undefined) return own;
  const ofGroup = groups.map(whyLeft).find((why) => why !== undefined);
  return ofGroup && `of what it is in, ${ofGroup}`;
}

function branchOf(
  field: ReturnType<typeof fieldsOf>,
  report: (fault: Fault) => void,
): string | undefined {
  const name = field.nameOf(NAMES_OF.branch);
  if (name === undefined) return undefined;
  const branch = field.string(name);
  if (branch === "" || BRANCH_NAME.test(branch)) return branch || undefined;
  const reason = `\`${name}\` is \`${plain(branch, 80)}\`, which is no name of a branch`;
  report({ offset: field.get(name)?.start ?? 0, reason });
  return undefined;
}

function readStory(
  source: Source,
  { node, place, unread }: StoryNode,
  { id, words, report }: { id: string; words: StatusWords; report: (fault: Fault) => void },
): readonly StoryEntry[] {
  const offset = node.start;
  if (unread !== undefined) {
    report({
      offset,
      reason: `this story has stories of its own in \`${unread}\``,
      hints: [{
        text: "put them beside it, or write what they ask for into its `acceptanceCriteria`",
      }],
    });
  }
  if (node.type !== "object") {
    report(wrongType(node, { what: "a story", type: "an object" }));
    return [];
  }
  const field = fieldsOf(source, node, report);
  if (id === "") {
    const given = ID_NAMES.map((name) => field.get(name)).find((one) => one !== undefined);
    report(
      given && given.type !== "string" ? wrongType(given, { what: "`id`", type: "a string" }) : {
        offset,
        reason: "this story has no `id`",
        hints: [{ text: 'give it one that no other has, such as `"id": "US-001"`' }],
      },
    );
  }
  field.boolean("passes");
  const state = jsonState(node);
  const marks = jsonMarks(state, words);
  return [{
    offset,
    end: node.end,
    story: {
      id,
      title: titleOf(field),
      description: field.text("description"),
      criteria: field.texts(NAMES_OF.criteria).map((text) => ({ text })),
      priority: field.priority(),
      passes: state.passes,
      notes: [field.text("notes"), field.text("completionNotes"), ...field.others()]
        .filter(Boolean).join("\n"),
      dependsOn: dependenciesOf(
        NAMES_OF.dependsOn.flatMap((name) => field.texts([name], ["id"])),
      ),
      verify: field.gates("verify", `${place}.verify`),
      ...field.get("review")?.type === "boolean" && !field.boolean("review") && { review: false },
      line: lineAt(source, node.start),
      ...marks && { marks },
      ...state.disagree !== undefined && { disagree: state.disagree },
    },
    // Others use the other names for packages, too.
    hasOnlyIds: ["dependsOn", "depends_on"].includes(field.nameOf(NAMES_OF.dependsOn) ?? ""),
    passesEdits: (passes) => jsonEdits(source, node, { passes, words }),
    state: jsonSpans(node),
  }];
}

/** Where it has none, and no id, the first line of what it is about. */
function titleOf(field: ReturnType<typeof fieldsOf>): string {
  const name = field.nameOf(NAMES_OF.title);
  if (name !== undefined || ID_NAMES.some((one) => field.get(one))) return field.string(name ?? "");
  return field.text(field.nameOf(SAYING) ?? "").split("\n", 1)[0].trim();
}

/** True, or the reason. */
const TAKES_OUT = ["skip", "skipped", "blocked", "cancelled", "canceled", "deferred", "removed"]
  .concat(["wontfix", "onHold", "outOfScope", "out_of_scope", "on_hold", "wont_fix"]);

/** Why a story is taken out of the work, in words; undefined when it is not. */
function whyLeft(node: JsonNode): string | undefined {
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
  const status = ["status", "state"].map((name) => valueOf(node, name))
    .find((one) => one?.type === "string" && isStatusOfLeftOut(one.value));
  return status?.type === "string" ? `its status is ${plain(status.value, 40)}` : undefined;
}

/** The members of an object by name. One of another type than it must have is reported, and absent. */
function fieldsOf(source: Source, object: JsonObject, report: (fault: Fault) => void) {
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
    report(wrongType(node, { what: `\`${key}\``, type: NAMES[type] }));
    return undefined;
  };
  const string = (key: string) => expect(key, "string")?.value ?? "";
  const nameOf = (names: readonly string[]) => names.find((name) => get(name) !== undefined);
  const texts = (names: readonly string[], of?: readonly string[]) => {
    const node = get(nameOf(names) ?? "");
    return node === undefined ? [] : textsOf(source, node, of);
  };
  return {
    get,
    string,
    nameOf,
    texts,
    text: (key: string) => texts([key]).join("\n"),
    /** A text, or a thing with a name. */
    titleOf(key: string): string {
      const node = get(key);
      if (node?.type !== "object") return string(key);
      const name = valueOf(node, "name") ?? valueOf(node, "title");
      return name?.type === "string" ? name.value : "";
    },
    priority(): number {
      const node = get(nameOf(NAMES_OF.priority) ?? "");
      if (node?.type === "number") return node.value;
      return node?.type === "string" ? priorityFrom(node.value) : Infinity;
    },
    boolean: (key: string) => expect(key, "boolean")?.value ?? false,
    gates: (key: string, place: string): readonly Gate[] => {
      const node = get(key);
      const fault: GateFault = (offset, reason, hints) => prdError(source, offset, reason, hints);
      return node ? reading(report, () => readGates(node, { place, fault }), []) : [];
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

/** The members of a thing that say what it is. */
const TEXTS = ["text", "description", "criterion", "title", "name"];

/** The texts of a value: of a list one for each item, of a thing what it says, else its JSON. */
function textsOf(
  source: Source,
  node: JsonNode,
  of: readonly string[] = TEXTS,
): readonly string[] {
  if (node.type === "array") return node.items.flatMap((item) => textsOf(source, item, of));
  if (node.type === "string") return node.value.trim() === "" ? [] : [node.value];
  if (node.type === "object") {
    const text = of.map((name) => valueOf(node, name)).find((value) => value?.type === "string");
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

function wrongType(node: JsonNode, { what, type }: { what: string; type: string }): Fault {
  return { offset: node.start, reason: `${what} must be ${type}, and is ${NAMES[node.type]}` };
}
