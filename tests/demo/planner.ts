/**
 * The demo from an empty idea: the same agent, which drafts the PRD of the shop first; and a reviewer,
 * who is asked before a story counts as done.
 */
import { parsePrd } from "../../src/task/prd.ts";
import { askedIn, isReview, REVIEWERS } from "../support/reviewer.ts";
import { call, say, type Script } from "../support/scripted_model.ts";
import { shopAgent } from "./agent.ts";
import { FILES, PRD, TASK } from "./shop.ts";

/** What a person types. */
export const IDEA = "a shopping list that knows what it costs";

/** What the project has beside the shop's own files. */
export const REVIEWED = {
  "ralph.json": `{ "verify": [["deno", "test"]], "review": { "when": "story" } }\n`,
};

/** Looks at the project, and answers with the shop's stories; then it works as the shop's agent. */
export const planningAgent: Script = (request) => {
  if (isReview(request.prompt)) return say(REVIEWERS.lazy(askedIn(request.prompt)));
  if (!request.prompt.includes(IDEA)) return shopAgent(request);
  if (request.step > 0) return say(`\`\`\`json\n${JSON.stringify(draft(), undefined, 2)}\n\`\`\``);
  const read = (filePath: string) => ({ name: "read", input: { filePath } });
  return call(read("README.md"), read("src/list.js"));
};

function draft() {
  const bytes = new TextEncoder().encode(FILES[PRD]);
  const { title, description, stories } = parsePrd({ path: PRD, bytes });
  return {
    name: TASK,
    title,
    description,
    stories: stories.map((story) => ({
      id: story.id,
      title: story.title,
      criteria: story.criteria.map(({ text }) => text),
    })),
    nonGoals: ["a store on disk"],
  };
}
