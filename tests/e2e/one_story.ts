/** A project with a task of one story, and what `ralph status` says of its sessions. */
import assert from "node:assert/strict";
import { makeProject, type Project } from "../support/project.ts";
import type { Ralph } from "../support/ralph.ts";

/** A PRD of one story, whose box the agent's shell can tick. */
export const ONE_STORY = `# PRD: One

### US-001: Only

**Acceptance Criteria:**

- [ ] it is done
`;

export async function oneStoryProject(): Promise<Project> {
  return await makeProject({ files: { "tasks/one/prd.md": ONE_STORY } });
}

export interface StatusRow {
  task: string;
  status: string;
  reason: string | null;
  iteration: number;
  port: number | null;
  lastServerPort: number | null;
  workerPid: number | null;
  openCodeSessionId: string | null;
}

export async function statusOf(ralph: Ralph, cwd: string): Promise<StatusRow[]> {
  const { code, stdout, stderr } = await ralph(["status", "--json"], { cwd });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}
