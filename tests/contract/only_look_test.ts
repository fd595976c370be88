/** A session that may only look: what a reviewer is given, on the servers as they are. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readOnlyRules } from "../../src/opencode/agent_rules.ts";
import { OpenCodeError } from "../../src/opencode/error.ts";
import { bash, write } from "../support/agent.ts";
import { call, type ModelRequest, say } from "../support/scripted_model.ts";
import { onEachVersion, onOpenCode2, type World } from "./world.ts";

const RULES = readOnlyRules([], ["*progress.txt"]);

function lookAround(project: World["project"]) {
  Deno.writeTextFileSync(join(project.root, "code.txt"), "what is to be seen\n");
  Deno.writeTextFileSync(join(project.root, "progress.txt"), "all is well\n");
}

/** What was tried left nothing, and what was seen is what may be. */
function assertOnlyLooked(root: string, outputs: readonly string[]): void {
  const made = [...Deno.readDirSync(root)].map(({ name }) => name).sort();
  assert.deepEqual(made, [".git", "README.md", "code.txt", "progress.txt"]);
  const seen = outputs.join("\n");
  assert(seen.includes("what is to be seen"), seen);
  assert(!seen.includes("all is well"), seen);
}

onEachVersion("only looking", async (_t, { model, project, turn }) => {
  lookAround(project);
  let outputs: readonly string[] = [];
  const read = (filePath: string) => ({ name: "read", input: { filePath } });
  const task = { description: "d", prompt: "p", subagent_type: "general" };
  model.setScript(({ step, toolOutputs }: ModelRequest) => {
    outputs = toolOutputs;
    if (step > 0) return say("looked");
    return call(
      write("made.txt", "x"),
      bash("echo x > made.txt"),
      { name: "task", input: task },
      read("progress.txt"),
      read("code.txt"),
    );
  });
  const { end, toolRuns = [] } = await turn({ rules: RULES });
  assert.equal(end.kind === "finished" && end.text, "looked");
  assertOnlyLooked(project.root, outputs);
  const ran = toolRuns.filter(({ failed }) => !failed).map(({ tool }) => tool);
  assert.deepEqual(ran, ["read"]);
});

onOpenCode2("only looking", async (_t, { version, client, model, project, turn }) => {
  if (version === "local" || version === "2") {
    const made = client.createSession({ title: "t", rules: RULES });
    await assert.rejects(
      made,
      (error) =>
        error instanceof OpenCodeError && /keeps no rules for a session/.test(error.message),
    );
    assert.deepEqual(await client.sessions(), []);
    return;
  }
  lookAround(project);
  let outputs: readonly string[] = [];
  model.setScript(({ step, toolOutputs }: ModelRequest) => {
    outputs = toolOutputs;
    if (step > 0) return say("looked");
    return call(
      { name: "write", input: { path: "made.txt", content: "x" } },
      { name: "shell", input: { command: "echo x > made.txt" } },
      { name: "read", input: { path: "progress.txt" } },
      { name: "read", input: { path: "code.txt" } },
    );
  });
  const { toolRuns = [] } = await turn({ rules: RULES });
  assertOnlyLooked(project.root, outputs);
  assert.deepEqual(toolRuns.filter(({ failed }) => !failed).map(({ tool }) => tool), ["read"]);
});
