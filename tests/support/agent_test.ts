import assert from "node:assert/strict";
import { PROMISE, tick, tickingAgent } from "./agent.ts";
import { TESTED } from "./install.ts";
import { startServer } from "./opencode_server.ts";
import { makeProject } from "./project.ts";
import { startModel } from "./scripted_model.ts";
import { runTurn } from "./turn.ts";

const MARKDOWN = `# PRD: notes

### US-001: Add "a" note

**Acceptance Criteria:**

- [ ] it's there
- [ ] same words

### US-002: List notes

- [ ] same words
`;

const JSON_PRD = `{ "project": "notes",
  "userStories": [
    {"id": "US-001", "title": "Add", "priority": 1, "passes": false, "notes": ""},
    { "id":"US-002", "title": "List", "acceptanceCriteria": ["passes"], "passes" : false }
  ] }
`;

Deno.test("tick changes one story and keeps the rest as it is", () => {
  const markdown = tick(MARKDOWN, "US-001");
  assert.equal(markdown.title, 'Add "a" note');
  assert.equal(
    MARKDOWN.replace(markdown.from, markdown.to),
    MARKDOWN.replace("[ ] it's", "[x] it's").replace("[ ] same", "[x] same"),
  );
  const json = tick(JSON_PRD, "US-002");
  assert.equal(json.title, "List");
  assert.equal(
    JSON_PRD.replace(json.from, json.to),
    JSON_PRD.replace('"passes" : false', '"passes" : true'),
  );
  assert.throws(() => tick(MARKDOWN, "US-003"), /no section `### US-003: `/);
  assert.throws(() => tick(JSON_PRD, "US-003"), /no story US-003/);
});

for (const version of TESTED) {
  Deno.test(`the ticking agent does its stories one by one on OpenCode ${version}`, async (t) => {
    await using model = await startModel(tickingAgent());
    await using server = await startServer({ version, model });

    for (const [file, prd] of [["prd.md", MARKDOWN], ["prd.json", JSON_PRD]]) {
      await t.step(file, async () => {
        const path = `tasks/my notes/${file}`;
        await using project = await makeProject({ name: "a b&c", files: { [path]: prd } });

        const first = await runTurn(server, {
          directory: project.root,
          prompt: `Do it.\nStory: US-001\nPRD: ${path}\nThank you.`,
        });
        assert.equal(first.text, "US-001 is done.");
        const { from, to, title } = tick(prd, "US-001");
        assert.equal(await project.read(path), prd.replace(from, to));
        assert.equal(await project.git("log", "-1", "--format=%s"), `feat: US-001 - ${title}`);
        assert.equal(await project.git("status", "--porcelain"), "");

        const second = await runTurn(server, {
          directory: project.root,
          prompt: `Story: US-002\nPRD: ${path}`,
        });
        assert.equal(second.text, `US-002 is done.\n\n${PROMISE}`);
        assert.equal(await project.read("work.txt"), "US-001\nUS-002\n");
        assert.equal(await project.git("rev-list", "--count", "HEAD"), "3");
      });
    }
  });
}
