/**
 * The plainest loop of all: `for i in $(seq $MAX); do OUTPUT=$(agent < prompt.md); if echo "$OUTPUT"
 * | grep -q '<promise>COMPLETE</promise>'; then exit 0; fi; done; exit 1`.
 */
import { type PeerEnd, type PeerTask, promptFor, turn } from "./turn.ts";

export async function grepPromise(task: PeerTask): Promise<PeerEnd> {
  for (let i = 1; i <= task.iterations; i++) {
    const output = await turn(task, await promptFor(task));
    if (output.includes("<promise>COMPLETE</promise>")) {
      return { completed: true, why: "the promise is in the output" };
    }
  }
  return { completed: false, why: "the iterations are used up" };
}
