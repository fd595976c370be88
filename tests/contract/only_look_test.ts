/** A session that may only look: what a reviewer is given, on the servers as they are. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { OpenCodeError } from "../../src/opencode/error.ts";
import { bash, write } from "../support/agent.ts";
import { call, type ModelRequest, say } from "../support/scripted_model.ts";
import { onEachVersion, onOpenCode2, type World } from "./world.ts";

const ONLY_READS = { hidden: ["*progress.txt"] };

function lookAround(project: World["project"]) {
  Deno.writeTextFileSync(join(project.root, "code.txt"), "what is to be seen\n");
  Deno.writeTextFileSync(join(project.root, "progress.txt"), "all is well\n");
}

/** What was tried left nothing, and what was seen is what may be. */
function assertOnlyLooked(
  root: string,
  outputs: readonly string[],
  { isHidden = true } = {},
): void {
  const made = [...Deno.readDirSync(root)].map(({ name }) => name).sort();
  assert.deepEqual(made, [".git", "README.md", "code.txt", "progress.txt"]);
  const seen = outputs.join("\n");
  assert(seen.includes("what is to be seen"), seen);
  assert.equal(seen.includes("all is well"), !isHidden, seen);
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
  const { end, toolRuns = [] } = await turn({ onlyReads: ONLY_READS });
  assert.equal(end.kind === "finished" && end.text, "looked");
  assertOnlyLooked(project.root, outputs);
  const ran = toolRuns.filter(({ failed }) => !failed).map(({ tool }) => tool);
  assert.deepEqual(ran, ["read"]);
});

onOpenCode2("only looking", async (_t, { version, client, model, project, turn }) => {
  if (version === "local") {
    const made = client.createSession({ title: "t", onlyReads: ONLY_READS });
    await assert.rejects(
      made,
      (error) => error instanceof OpenCodeError && /takes no rules/.test(error.message),
    );
    assert.deepEqual(await client.sessions(), []);
    return;
  }
  // Before 2.0.5 an agent that only looks does it, from which nothing is hidden.
  const isHidden = version !== "2";
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
  const { toolRuns = [] } = await turn({ onlyReads: ONLY_READS });
  assertOnlyLooked(project.root, outputs, { isHidden });
  const ran = toolRuns.filter(({ failed }) => !failed).map(({ tool }) => tool);
  assert.deepEqual(ran, isHidden ? ["read"] : ["read", "read"]);
});
