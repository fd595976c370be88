/**
 * Scripted agents: what a model does in one turn, through OpenCode's real tools. They know which
 * story is theirs from the prompt alone, by the lines `Story: <id>` and `PRD: <path>` that ralph
 * puts there.
 */
import {
  call,
  type ModelRequest,
  type Reply,
  say,
  type Script,
  type ToolCall,
} from "./scripted_model.ts";

/** On a line of its own in the agent's last text: every story passes. */
export const PROMISE = "<promise>COMPLETE</promise>";

/** The story that the prompt is about, and the PRD's path relative to the project root. */
export function assignment(prompt: string): { story: string; prd: string } {
  return { story: lineOf(prompt, "Story"), prd: lineOf(prompt, "PRD") };
}

/** The calls of one message of the agent, from what all calls before it returned. */
export type Round = (outputs: readonly string[]) => readonly ToolCall[];

/** Answers a request of a turn that makes its calls in `rounds` and then ends with a text. */
export function inRounds(
  request: ModelRequest,
  rounds: readonly Round[],
  end: (outputs: readonly string[]) => string,
): Reply {
  let returned = 0;
  for (const round of rounds) {
    const calls = round(request.toolOutputs.slice(0, returned));
    if (calls.length > 0 && returned === request.step) return call(...calls);
    returned += calls.length;
  }
  return say(end(request.toolOutputs));
}

/**
 * An agent that does its story: reads the PRD, appends to `work.txt`, ticks that story and nothing
 * else, commits `feat: <id> - <title>`, and promises completion when no story is left open.
 */
export function tickingAgent(): Script {
  return (request) => {
    const { story, prd } = assignment(request.prompt);
    return inRounds(request, [
      () => readFile(prd),
      ([, text]) => [bash(`echo ${quote(story)} >> work.txt`), edit(prd, tick(text, story))],
      ([, text]) => [commit(`feat: ${story} - ${tick(text, story).title}`)],
    ], ([, text]) => closing(text, story));
  };
}

/** The last text of a turn that did its story. `prd` is the PRD's text before it was ticked. */
export function closing(prd: string, story: string): string {
  const { from, to } = tick(prd, story);
  const done = `${story} is done.`;
  return isOpen(prd.replace(from, () => to)) ? done : `${done}\n\n${PROMISE}`;
}

/** What its shell adds to what a command has printed (measured). */
const EXITED = /\nCommand exited with code 0\.$/;

/** The same agent on OpenCode 2, whose tools go by other names. */
export function onOpenCode2(script: Script): Script {
  const renamed = (step: object) => {
    if (!("delta" in step)) return step;
    const { tool_calls: calls, ...delta } = step.delta as { tool_calls?: readonly WireCall[] };
    return { delta: { ...delta, ...calls && { tool_calls: calls.map(renamedCall) } } };
  };
  return async (request) => {
    const toolOutputs = request.toolOutputs.map((text) => text.replace(EXITED, ""));
    const reply = await script({ ...request, toolOutputs });
    if (reply.kind !== "stream") return reply;
    return { ...reply, steps: reply.steps.map(renamed) as typeof reply.steps };
  };
}

interface WireCall {
  readonly function: { readonly name: string; readonly arguments: string };
}

const TOOLS_OF_2: Readonly<Record<string, string>> = { bash: "shell", task: "subagent" };
const INPUTS_OF_2: Readonly<Record<string, string>> = { filePath: "path", subagent_type: "agent" };

function renamedCall(call: WireCall): WireCall {
  const { name, arguments: text } = call.function;
  const input = Object.entries(JSON.parse(text))
    .map(([key, value]) => [INPUTS_OF_2[key] ?? key, value]);
  return {
    ...call,
    function: {
      name: TOOLS_OF_2[name] ?? name,
      arguments: JSON.stringify(Object.fromEntries(input)),
    },
  };
}

/**
 * Two calls: `read`, without which `edit` refuses (1.1.53, measured), and `cat`, whose output is the
 * file as it is.
 */
export function readFile(path: string): ToolCall[] {
  return [{ name: "read", input: { filePath: path } }, bash(`cat -- ${quote(path)}`)];
}

export function bash(command: string): ToolCall {
  return { name: "bash", input: { command, description: "Run a command" } };
}

export function write(path: string, content: string): ToolCall {
  return { name: "write", input: { filePath: path, content } };
}

export function edit(path: string, change: { from: string; to: string }): ToolCall {
  return { name: "edit", input: { filePath: path, oldString: change.from, newString: change.to } };
}

/** Commits everything. */
export function commit(message: string): ToolCall {
  return bash(`git add --all && git commit --quiet -m ${quote(message)} && git log --oneline -1`);
}

/** One word for a POSIX shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The edit that makes a story pass. `prd` is the text of a `prd.json` or a `prd.md`. */
export function tick(prd: string, story: string): { title: string; from: string; to: string } {
  return prd.trimStart().startsWith("{") ? tickJson(prd, story) : tickMarkdown(prd, story);
}

function tickMarkdown(prd: string, story: string) {
  const heading = `### ${story}: `;
  const from = prd.split(/^(?=#{2,3} )/m).find((section) => section.startsWith(heading));
  if (!from) throw new Error(`the PRD has no section \`${heading}\``);
  const title = from.slice(heading.length).split("\n", 1)[0];
  return { title, from, to: from.replaceAll("- [ ]", "- [x]") };
}

/** In place, since a PRD that is parsed and printed anew may differ elsewhere. */
function tickJson(prd: string, story: string) {
  const { userStories } = JSON.parse(prd) as { userStories: { id: string; title: string }[] };
  const title = userStories.find(({ id }) => id === story)?.title ?? "";
  const [from] = prd.split(/(?="id"\s*:)/)
    .filter((part) => part.replace(/^"id"\s*:\s*/, "").startsWith(JSON.stringify(story)))
    .map((part) => part.slice(0, part.search(/(?<="passes"\s*:\s*(true|false))/)));
  if (!from) throw new Error(`the PRD has no story ${story} with \`id\` before \`passes\``);
  return { title, from, to: from.replace(/false$/, "true") };
}

function isOpen(prd: string): boolean {
  if (!prd.trimStart().startsWith("{")) return prd.includes("- [ ]");
  const { userStories } = JSON.parse(prd) as { userStories: { passes?: boolean }[] };
  return userStories.some(({ passes }) => !passes);
}

function lineOf(prompt: string, name: string): string {
  const value = new RegExp(`^${name}: (.+)$`, "m").exec(prompt)?.[1];
  if (!value) throw new Error(`the prompt has no line \`${name}: …\``);
  return value.trim();
}

/** Answers nobody before `count` tasks have asked. */
export function together(script: Script, count: number) {
  const asked = new Set<string>();
  const { promise, resolve } = Promise.withResolvers<void>();
  const gate: Script = async (request) => {
    asked.add(assignment(request.prompt).prd);
    await promise;
    return await script(request);
  };
  return { script: gate, allAsked: () => asked.size === count, go: resolve };
}
