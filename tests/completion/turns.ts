/** What scripted agents do in a turn: mostly one call of the shell, and an answer. */
import { dirname } from "node:path/posix";
import { bash, PROMISE, quote } from "../support/agent.ts";
import { call, type Reply, say } from "../support/scripted_model.ts";
import type { Assignment, Turn } from "./scenario.ts";
import { type Piece, pieceOf } from "./statistics.ts";

const ALL_RAN = "exit code 0";

/** A turn without a tool call. */
export function says(text: string): Turn {
  return () => say(text);
}

/** How a turn ends: a text, or the answer that is made from what the commands printed. */
type End = string | ((output: string) => Reply);

/**
 * A turn that runs commands in one call of the shell, and then ends. It throws when one of the
 * commands fails, since the scenario would not be what it says.
 */
export function runs(commands: string | ((assignment: Assignment) => string), end: End): Turn {
  return (request, assignment) => {
    const text = typeof commands === "string" ? commands : commands(assignment);
    if (request.step === 0) return call(bash(printingAtOnce(text)));
    const output = request.lastToolOutput;
    if (!output.includes(ALL_RAN)) throw new Error(`a command failed: ${output}`);
    return typeof end === "string" ? say(end) : end(output);
  };
}

/**
 * Stops at the first command that fails, and prints everything at the end: OpenCode 1.18.33 may lose
 * what a shell prints after its first piece of output (54 of 360 calls, 6 at a time, measured).
 */
function printingAtOnce(commands: string): string {
  return `output=$(mktemp)
(set -e
${commands}
) > "$output" 2>&1
echo "exit code $?" >> "$output"
cat "$output"
rm "$output"`;
}

/** Ends with the promise when the commands printed that no story is open, as `openStories` does. */
export function promisingWhenDone(output: string): Reply {
  const text = "The story is done and the tests pass.";
  return say(/^open stories: 0$/m.test(output) ? promised(text) : text);
}

/** A text that ends with the promise, as the prompt asks for it. */
export function promised(text: string): string {
  return `${text}\n\n${PROMISE}`;
}

/** Commands, one after the other. */
export function all(...commands: readonly string[]): string {
  return commands.join("\n");
}

/** Writes a file, its folder included. */
export function put(path: string, text: string): string {
  const whole = text.endsWith("\n") ? text : `${text}\n`;
  return `mkdir -p ${quote(dirname(path))}
cat > ${quote(path)} <<'END_OF_FILE'
${whole}END_OF_FILE`;
}

/** Changes a file in place. `expression` is one for `sed -e`. */
export function change(path: string, expression: string): string {
  const file = quote(path);
  return `sed -e ${quote(expression)} ${file} > /tmp/change.$$ && cat /tmp/change.$$ > ${file}
rm /tmp/change.$$`;
}

/** Says in the PRD that these stories pass: what an honest agent does last. */
export function claim(prd: string, ...stories: readonly string[]): string {
  return all(...stories.map((story) => setPasses(prd, { story, passes: true })));
}

/** Says in the PRD that these stories do not pass after all. */
export function takeBack(prd: string, ...stories: readonly string[]): string {
  return all(...stories.map((story) => setPasses(prd, { story, passes: false })));
}

function setPasses(prd: string, { story, passes }: { story: string; passes: boolean }): string {
  if (prd.endsWith(".json")) {
    return change(prd, `/"id": "${story}"/,/"passes"/s/"passes": ${!passes}/"passes": ${passes}/`);
  }
  const [from, to] = passes ? ["\\[ \\]", "[x]"] : ["\\[x\\]", "[ ]"];
  return change(prd, `/^### ${story}:/,/^### /s/- ${from}/- ${to}/`);
}

/** Commits everything, if there is something to commit. */
export function commitAll(message: string): string {
  return `git add --all
git diff --cached --quiet || git commit --quiet --message ${quote(message)}`;
}

/** Prints what `promisingWhenDone` looks for. In markdown the stories' boxes are counted. */
export function openStories(prd: string): string {
  const open = prd.endsWith(".json") ? '"passes": false' : "- \\[ \\]";
  return `echo "open stories: $(grep -c -e ${quote(open)} ${quote(prd)})"`;
}

/** Does a piece of work: the function and its test. */
export function build(piece: Piece): string {
  return all(put(piece.file, piece.right), put(piece.testFile, piece.test));
}

/** A turn that does the story in hand, claims it and commits; `end` by default promises when due. */
export function doesStory(pieces: readonly Piece[], end: End = promisingWhenDone): Turn {
  return runs(({ story, prd }) => {
    const piece = pieceOf(story, pieces);
    return all(
      build(piece),
      claim(prd, story),
      openStories(prd),
      commitAll(`feat: ${story} - ${piece.name}`),
    );
  }, end);
}
