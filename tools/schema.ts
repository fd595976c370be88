/** Makes docs/ralph.schema.json: `deno run -A tools/schema.ts`. */
import * as path from "node:path";
import * as z from "zod";
import { settingsSchema } from "../src/settings/schema.ts";

const SCHEMA_PATH = path.join(import.meta.dirname ?? "", "../docs/ralph.schema.json");

const args = z.array(z.string()).min(1).meta({ description: "A program and its arguments." });
const ofGate = {
  name: z.string().min(1).optional().meta({ description: "How the gate is shown." }),
  timeoutSeconds: z.number().positive().max(86_400).optional().meta({
    description: "The limit of this gate, in place of limits.gateMinutes.",
  }),
};
const shell = z.string().min(1).meta({ description: "A line for `sh`." });
const gate = z.union([
  shell,
  args,
  z.strictObject({ args, ...ofGate }),
  z.strictObject({ shell, ...ofGate }),
]);

/** The form of the settings with that of the gates, for which the program has a reader of its own. */
export const publishedSchema = settingsSchema.extend({
  verify: z.array(gate).optional().meta({
    description: "Gates of every task: commands that must pass before a story counts as done.",
    default: [],
    examples: [[["npm", "test"]]],
  }),
  setup: z.array(gate).optional().meta({
    description: "Commands that are run once in a new worktree, before a task works there.",
    default: [],
    examples: [[["npm", "ci"]]],
  }),
});

/** The text of docs/ralph.schema.json. */
export function schemaText(): string {
  const schema = z.toJSONSchema(publishedSchema.meta({ title: "Settings of ralph" }));
  return JSON.stringify(schema, null, 2) + "\n";
}

if (import.meta.main) await Deno.writeTextFile(SCHEMA_PATH, schemaText());
