/** Where the stories are in a `prd.json`, under the names that Ralph loops give their lists. */
import type { JsonNode, JsonObject } from "./json_scan.ts";

export interface StoryNode {
  node: JsonNode;
  /** Such as `userStories[2]`, for errors. */
  place: string;
  /** It has a list of stories itself, which nobody reads: the name of the list. */
  unread?: string;
  /** What it is in, such as an epic, the outermost first. */
  groups?: readonly JsonObject[];
}

interface FoundStories {
  /** In their order, those of all epics and phases. */
  stories: readonly StoryNode[];
  /** A second list that has stories: which of them counts is not known. */
  second?: { name: string; node: JsonNode };
}

export const STORY_LISTS: readonly string[] = [
  "userStories",
  "user_stories",
  "stories",
  "features",
  "tasks",
  "items",
];
/** Lists of what has such lists. */
const GROUPS: readonly string[] = ["epics", "phases"];
/** What a field may be called: the first that is there counts. */
export const NAMES_OF = {
  title: ["title", "name"],
  branch: ["branchName", "branch", "branch_name"],
  criteria: ["acceptanceCriteria", "acceptance_criteria", "criteria", "steps"],
  dependsOn: ["dependsOn", "depends_on", "dependencies", "blockedBy", "blocked_by"],
} as const;

/** A thing with one of these is a story itself, whatever it has below it. */
const STATES = ["passes", "status", "completed", "done"];
const OF_A_STORY = [...STATES, ...NAMES_OF.criteria];

/** Undefined when there is no such list. */
export function storyNodes(root: JsonNode): FoundStories | undefined {
  if (root.type === "array") {
    return { stories: root.items.flatMap((node, i) => inList({ node, place: `[${i}]` })) };
  }
  if (root.type !== "object") return undefined;
  const lists = listsIn(root);
  // epics may be names alone, that stories refer to
  const filled = lists.filter(({ name, items }) =>
    GROUPS.includes(name) ? items.some(holdsThings) : items.some(hasId)
  );
  const [list = lists[0], other] = filled;
  if (list === undefined) return undefined;
  const second = other ?? unknownList(root);
  return { stories: storiesOf(list, ""), ...second && { second } };
}

/** Lists of what has a state of its own and is no story. */
const OF_OTHERS =
  /risk|question|depend|milestone|reference|decision|assumption|metric|stakeholder|constraint|history|changes|changelog|review|gate|check|test/i;

/** A list under another name of what has the state of a story. */
function unknownList({ members }: JsonObject): FoundStories["second"] {
  const found = members.find(({ key, value }) =>
    ![...STORY_LISTS, ...GROUPS].includes(key) && value.type === "array" &&
    value.items.some((item) => hasState(item) || !OF_OTHERS.test(key) && isLikeStory(item))
  );
  return found && { name: found.key, node: found.value };
}

/** The value of a member; of a name that comes twice the last one, as in `JSON.parse`. */
export function valueOf({ members }: JsonObject, name: string): JsonNode | undefined {
  return members.findLast(({ key }) => key === name)?.value;
}

interface List {
  name: string;
  node: JsonNode;
  items: readonly JsonNode[];
}

/** The lists that may hold stories, or what has some; the usual names first. */
function listsIn(object: JsonObject): readonly List[] {
  return [...STORY_LISTS, ...GROUPS].flatMap((name) => {
    const node = valueOf(object, name);
    return node?.type === "array" ? [{ name, node, items: node.items }] : [];
  });
}

function storiesOf({ name, items }: List, place: string): readonly StoryNode[] {
  const at = place === "" ? name : `${place}.${name}`;
  const read = GROUPS.includes(name) ? inGroups : inList;
  return items.flatMap((node, i) => read({ node, place: `${at}[${i}]` }));
}

/** What is in a list of epics: their stories, or one that has none of its own. */
function inGroups(found: StoryNode): readonly StoryNode[] {
  const { node, place } = found;
  if (node.type !== "object") return [found];
  const lists = listsIn(node).filter(({ items }) => items.some(isObject));
  if (lists.length === 0) return [found];
  return lists.flatMap((list) => storiesOf(list, place))
    .map((story) => ({ ...story, groups: [node, ...story.groups ?? []] }));
}

/** A story; or those of a feature that is nothing but a heading over them. */
function inList(found: StoryNode): readonly StoryNode[] {
  const { node } = found;
  if (node.type !== "object") return [found];
  const inner = listsIn(node).find(({ name, items }) =>
    items.some((item) => hasState(item) || OF_STORIES.test(name) && isLikeStory(item))
  );
  if (inner === undefined) return [found];
  return hasOne(node, OF_A_STORY) ? [{ ...found, unread: inner.name }] : inGroups(found);
}

/** Others, such as tasks, are also what one calls the steps of a story. */
const OF_STORIES = /stories/i;

/** It has a name and says how far it is. */
const isLikeStory = (node: JsonNode) =>
  isObject(node) && hasOne(node, ["id", ...NAMES_OF.title]) && hasOne(node, [...STATES, "state"]);
const hasOne = (node: JsonObject, names: readonly string[]) =>
  names.some((name) => valueOf(node, name) !== undefined);
const isObject = (node: JsonNode): node is JsonObject => node.type === "object";
const hasId = (node: JsonNode) => isObject(node) && valueOf(node, "id") !== undefined;
const holdsThings = (node: JsonNode) =>
  isObject(node) && listsIn(node).some(({ items }) => items.some(isObject));
const hasState = (node: JsonNode) => isObject(node) && valueOf(node, "passes") !== undefined;
