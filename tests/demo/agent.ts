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
 * The agent of the demo. Each story: look, build, tick the story, note what was learned, commit. It
 * never runs the tests, and says of everything that it is done: ralph's gate finds the one story
 * that is not, and the next iteration's prompt says so.
 */
export const shopAgent: Script = (request) => {
  const { story, prd } = assignment(request.prompt);
  const work = WORK[story];
  const mistake = request.prompt.includes(`${story} was said to be done`)
    ? work.mistake
    : undefined;
  const progress = `${dirname(prd)}/progress.txt`;
  const read = (path: string): ToolCall => ({ name: "read", input: { filePath: path } });
  const note = (text: string): ToolCall =>
    bash(`printf '%s\\n' "## $(date +%F) - ${story}" ${quote(text)} --- >> ${quote(progress)}`);
  /** What the second call returns. */
  const prdText = (outputs: readonly string[]) => outputs[1];

  return inRounds(
    request,
    [
      () => readFile(prd),
      () => (mistake?.read ?? work.read ?? []).map(read),
      () => mistake?.mend ?? work.build,
      (outputs) => [edit(prd, tick(prdText(outputs), story)), note(work.learned)],
      (outputs) => [commit(`feat: ${story} - ${tick(prdText(outputs), story).title}`)],
    ],
    (outputs) => closing(prdText(outputs), story),
  );
};
