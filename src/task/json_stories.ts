/** Where the stories are in a `prd.json`, under the names that Ralph loops give their lists. */
import type { JsonNode, JsonObject } from "./json_scan.ts";
import { isStateName } from "./json_state.ts";
import { ID_AT_START } from "./story_id.ts";

export interface StoryNode {
  node: JsonNode;
  /** Such as `userStories[2]`, for errors. */
  place: string;
  /** It has a list of stories itself, which nobody reads: the name of the list. */
  unread?: string;
  /** What it is in, such as an epic, the outermost first. */
  groups?: readonly JsonObject[];
  /** It is such a thing, and its list of stories is empty. */
  isEmpty?: boolean;
}

interface FoundStories {
  /** In their order, those of all epics and phases. */
  stories: readonly StoryNode[];
  /** What holds the list: the PRD, or the one thing in it that does. */
  holder?: JsonObject;
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
/** The same, where they do have such lists; else they are what they say. */
const OTHER_GROUPS: readonly string[] = [
  ...["plans", "milestones", "sprints", "waves", "iterations", "stages", "releases", "modules"],
  ...["categories", "sections", "groups", "areas", "components", "tracks", "batches", "themes"],
];
/** All names under which there may be stories. */
export const LISTS: readonly string[] = [...STORY_LISTS, ...GROUPS, ...OTHER_GROUPS];
/** The first that is there counts. */
export const ID_NAMES: readonly string[] = [
  ...["id", "storyId", "story_id", "taskId", "task_id", "featureId", "feature_id", "key"],
];
/** What a field may be called: the first that is there counts. */
export const NAMES_OF = {
  title: ["title", "name"],
  branch: ["branchName", "branch", "branch_name"],
  criteria: [
    ...["acceptanceCriteria", "acceptance_criteria", "criteria", "steps", "acceptance"],
    ...["acceptanceTests", "acceptance_tests", "validationSteps", "validation_steps"],
  ],
  dependsOn: [
    ...["dependsOn", "depends_on", "dependencies", "blockedBy", "blocked_by"],
    ...["deps", "depends", "requires", "needs", "prerequisites", "after"],
  ],
  priority: ["priority", "order", "rank", "sequence"],
} as const;

/** A thing with one of these is a story itself, whatever it has below it. */
const isOfAStory = ({ members }: JsonObject) =>
  members.some(({ key }) =>
    isStateName(key) || (NAMES_OF.criteria as readonly string[]).includes(key)
  );

/** Undefined when there is no such list. */
export function storyNodes(root: JsonNode): FoundStories | undefined {
  if (root.type === "array") {
    return { stories: root.items.flatMap((node, i) => inList({ node, place: `[${i}]` })) };
  }
  if (root.type !== "object") return undefined;
  const lists = listsIn(root);
  // epics may be names alone, that stories refer to
  const [list = lists[0], other] = lists.filter(isFilled);
  if (list === undefined) return storiesOfOne(root);
  const second = other ?? unknownList(root);
  return { stories: storiesOf(list, ""), holder: root, ...second && { second } };
}

const isGroup = (name: string) => !STORY_LISTS.includes(name);

const isFilled = ({ name, items }: List) =>
  isGroup(name) ? items.some(holdsThings) : items.some((item) => hasId(item) || saysState(item));

/** Those of the thing in the PRD that has a list of them, such as a tag. */
function storiesOfOne(root: JsonObject): FoundStories | undefined {
  const [one, other] = root.members.flatMap(({ key, value }) => {
    const lists = value.type === "object" ? listsIn(value).filter(isFilled) : [];
    return lists.length > 0 && value.type === "object" ? [{ key, value, lists }] : [];
  });
  if (one === undefined) return undefined;
  const { key, value, lists: [list, nextList] } = one;
  const second = nextList ?? (other && { name: other.key, node: other.value });
  return { stories: storiesOf(list, key), holder: value, ...second && { second } };
}

/**
 * The ids of these stories, in their order: their own, those that their titles begin with, or where none
 * has one their numbers. Empty for one that has none.
 */
export function idsOf(stories: readonly StoryNode[]): readonly string[] {
  const own = stories.map(({ node }) => isObject(node) ? ownId(node) : "");
  const isGiven = stories.some(({ node }) =>
    isObject(node) && ID_NAMES.some((name) => (valueOf(node, name)?.type ?? "null") !== "null")
  );
  if (isGiven || stories.length === 0) return own;
  const ofTitles = stories.map(({ node }) => isObject(node) ? idOfTitle(node) : "");
  if (ofTitles.every((id) => id !== "")) return ofTitles;
  const areStories =
    stories.every(({ node }) => isObject(node) && hasOne(node, [...NAMES_OF.title, ...SAYING])) &&
    stories.some(({ node }) => isObject(node) && isOfAStory(node));
  return areStories ? stories.map((_, i) => `${i + 1}`) : own;
}

/** What a story without an id is called by, where it has no title. */
export const SAYING: readonly string[] = ["description", "story", "task", "feature", "summary"];

function ownId(node: JsonObject): string {
  const id = ID_NAMES.map((name) => valueOf(node, name))
    .find((value) => value !== undefined && value.type !== "null");
  if (id?.type === "number") return `${id.value}`;
  return id?.type === "string" && id.value.trim() !== "" ? id.value : "";
}

function idOfTitle(node: JsonObject): string {
  const title = NAMES_OF.title.map((name) => valueOf(node, name)).find((one) => one !== undefined);
  const [found, id = ""] = title?.type === "string" ? ID_AT_START.exec(title.value) ?? [] : [];
  return found !== undefined && title?.type === "string" &&
      /^\s*[:–—-]/.test(title.value.slice(found.length))
    ? id
    : "";
}

/** Lists of what has a state of its own and is no story. */
const OF_OTHERS =
  /risk|question|depend|milestone|reference|decision|assumption|metric|stakeholder|constraint|history|changes|changelog|review|gate|check|test/i;

/** A list under another name of what has the state of a story. */
function unknownList({ members }: JsonObject): FoundStories["second"] {
  const found = members.find(({ key, value }) =>
    !LISTS.includes(key) && value.type === "array" &&
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
  return LISTS.flatMap((name) => {
    const node = valueOf(object, name);
    if (node?.type !== "array") return [];
    if (OTHER_GROUPS.includes(name) && !node.items.some(holdsThings)) return [];
    return [{ name, node, items: node.items }];
  });
}

function storiesOf({ name, items }: List, place: string): readonly StoryNode[] {
  const at = place === "" ? name : `${place}.${name}`;
  const read = isGroup(name) ? inGroups : inList;
  return items.flatMap((node, i) => read({ node, place: `${at}[${i}]` }));
}

/** What is in a list of epics: their stories, or one that has none of its own. */
function inGroups(found: StoryNode): readonly StoryNode[] {
  const { node, place } = found;
  if (node.type !== "object") return [found];
  const all = listsIn(node);
  const lists = all.filter(({ items }) => items.some(isObject));
  const isEmpty = all.length > 0 && all.every(({ items }) => items.length === 0) && !hasState(node);
  if (isEmpty) return [{ ...found, isEmpty }];
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
  return isOfAStory(node) ? [{ ...found, unread: inner.name }] : inGroups(found);
}

/** Others, such as tasks, are also what one calls the steps of a story. */
const OF_STORIES = /stories/i;

/** It has a name and says how far it is. */
const isLikeStory = (node: JsonNode) =>
  isObject(node) && hasOne(node, ["id", ...NAMES_OF.title]) && saysState(node);
const saysState = (node: JsonNode) =>
  isObject(node) && node.members.some(({ key }) => isStateName(key));
const hasOne = (node: JsonObject, names: readonly string[]) =>
  names.some((name) => valueOf(node, name) !== undefined);
const isObject = (node: JsonNode): node is JsonObject => node.type === "object";
const hasId = (node: JsonNode) => isObject(node) && hasOne(node, ID_NAMES);
const holdsThings = (node: JsonNode) =>
  isObject(node) && listsIn(node).some(({ items }) => items.some(isObject));
const hasState = (node: JsonNode) => isObject(node) && valueOf(node, "passes") !== undefined;
