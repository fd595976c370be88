import { dirname } from "node:path/posix";
import {
  assignment,
  bash,
  closing,
  commit,
  edit,
  inRounds,
  quote,
  readFile,
  tick,
} from "../support/agent.ts";
import type { Script, ToolCall } from "../support/scripted_model.ts";
import { WORK } from "./shop.ts";

/**
 * The agent of the demo. Each story: look, build, test; when the tests pass, tick the story, note
 * what was learned, commit; when they fail, note that, and leave the rest to the next iteration,
 * which finds the note.
 */
export const shopAgent: Script = (request) => {
  const { story, prd } = assignment(request.prompt);
  const progress = `${dirname(prd)}/progress.txt`;
  const work = WORK[story];
  const read = (path: string): ToolCall => ({ name: "read", input: { filePath: path } });
  const note = (text: string): ToolCall =>
    bash(
      `printf '%s\\n' "## $(date +%F) - ${story}" ${quote(text)} --- >> ${quote(progress)}`,
    );

  // what the calls of the first rounds return, in their order
  const prdText = (outputs: readonly string[]) => outputs[1];
  const failedBefore = (outputs: readonly string[]) => outputs[2].includes(`${story} is not done`);
  const mistake = (outputs: readonly string[]) => failedBefore(outputs) ? work.mistake : undefined;
  const passed = (outputs: readonly string[]) =>
    outputs.some((output) => /^ok \| \d+ passed \| 0 failed/m.test(output));

  return inRounds(
    request,
    [
      () => [...readFile(prd), bash(`cat ${quote(progress)} 2>/dev/null || echo "nothing yet"`)],
      (outputs) => (mistake(outputs)?.read ?? work.read ?? []).map(read),
      (outputs) => mistake(outputs)?.mend ?? work.build,
      () => [bash("NO_COLOR=1 deno test 2>&1")],
      (outputs) =>
        passed(outputs)
          ? [edit(prd, tick(prdText(outputs), story)), note(work.learned)]
          : [note(`${story} is not done: a test fails. ${work.mistake?.note ?? ""}`)],
      (outputs) =>
        passed(outputs) ? [commit(`feat: ${story} - ${tick(prdText(outputs), story).title}`)] : [],
    ],
    (outputs) =>
      passed(outputs)
        ? closing(prdText(outputs), story)
        : `A test fails, so ${story} is not done. The next round finds why in ${progress}.`,
  );
};
