import assert from "node:assert/strict";
import { agentTools } from "../../../../src/loop/iteration/agent_tools.ts";

const at = { isOther: (named: string) => !named.endsWith("prd.md"), now: 99 };
const run = (tool: string, input: Record<string, unknown> = {}) => ({
  start: 1,
  end: 2,
  tool,
  input,
});

Deno.test("a tool that only reads, or writes another file, cannot have changed the PRD", () => {
  const writes = (tool: string, input?: Record<string, unknown>) =>
    agentTools([run(tool, input)], at)?.writing.length === 1;
  for (const tool of ["bash", "apply_patch", "mcp_files_write", "edit"]) assert(writes(tool), tool);
  for (const tool of ["read", "grep", "task", "todowrite"]) assert(!writes(tool), tool);
  assert(writes("edit", { filePath: "/p/tasks/t/prd.md" }));
  assert(writes("write", { filePath: "tasks/t/prd.md" }));
  assert(!writes("write", { filePath: "/p/src/app.ts" }));
});

Deno.test("a tool that broke off ran until now; what is not known stays unknown", () => {
  const [interval] = agentTools([{ ...run("bash"), end: undefined }], at)?.writing ?? [];
  assert.deepEqual(interval, { start: 1, end: 99 });
  assert.equal(agentTools(undefined, at), undefined);
});

Deno.test("what was handed to a tool is found at any depth", () => {
  const tools = agentTools([
    run("bash", { command: "echo US-003" }),
    run("batch", { tool_calls: [{ parameters: { content: "Third" } }] }),
  ], at);
  assert.deepEqual(["US-003", "Third", "Fourth"].map((text) => tools?.said(text)), [
    true,
    true,
    false,
  ]);
});
