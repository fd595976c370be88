/**
 * The loop that takes the PRD's word: `for i in $(seq $MAX); do [ "$(jq '[.userStories[] |
 * select(.passes != true)] | length' prd.json)" = 0 ] && exit 0; agent < prompt.md; done`, with one
 * more look after the last turn. A PRD that cannot be read has no open stories to count, so the loop
 * goes on.
 */
import { openStories, type PeerEnd, type PeerTask, promptFor, turn } from "./turn.ts";

export async function trustPasses(task: PeerTask): Promise<PeerEnd> {
  for (let i = 0; i <= task.iterations; i++) {
    const open = await openStories(task);
    if (open?.length === 0) return { completed: true, why: "every story has `passes`" };
    if (i < task.iterations) await turn(task, await promptFor(task));
  }
  return { completed: false, why: "the iterations are used up" };
}
