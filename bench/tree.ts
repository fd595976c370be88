/**
 * What a large project costs in each iteration beside the agent: the tree's state as git tells it, and
 * the census of its tests, in a tree of many files and of a file with many tests. CPU time is that of
 * this process and of the git that it waits for (proc(5)).
 */
import process from "node:process";
import { projectFiles } from "../src/host/files/project_files.ts";
import { treeState } from "../src/host/git/tree_state.ts";
import { systemClock as clock } from "../src/host/system/clock.ts";
import { countTests, takeCensus } from "../src/verify/census/census.ts";
import { makeProject } from "../tests/support/project.ts";
import { spread } from "./statistics.ts";

/** Clock ticks of /proc/<pid>/stat are hundredths of a second on Linux (proc(5), sysconf(3)). */
const TICK_MS = 10;
const FOLDER_FILES = 100;

export async function benchTree(
  { files, tests, looks }: { files: number; tests: number; looks: number },
): Promise<void> {
  await using project = await makeProject({ files: { "a.test.ts": testFile(1) } });
  for (let i = 0; i < files; i++) {
    const folder = `${project.root}/src/${Math.floor(i / FOLDER_FILES)}`;
    if (i % FOLDER_FILES === 0) Deno.mkdirSync(folder, { recursive: true });
    Deno.writeTextFileSync(`${folder}/${i}.js`, `export const value = ${i};\n`);
  }
  await project.git("add", "--all");
  await project.git("commit", "--quiet", "-m", "many files");

  const tools = projectFiles(clock);
  let known: Awaited<ReturnType<typeof treeState>>;
  let earlier: Awaited<ReturnType<typeof takeCensus>> | undefined;
  const state = await measured(looks, async () => {
    known = await treeState(project.root, { clock, known });
  });
  const census = await measured(looks, async () => {
    earlier = await takeCensus(project.root, { tools, earlier });
  });
  const bytes = new TextEncoder().encode(testFile(tests));
  const count = await measured(looks, () => void countTests("a.test.ts", bytes));
  console.log(`tree, ${files} tracked files, ${tests} tests in a file, ${looks} times`);
  console.log(`  state       ${spread(state.wall)}`);
  console.log(`  state CPU   ${spread(state.cpu)}`);
  console.log(`  census      ${spread(census.wall)}`);
  console.log(`  census CPU  ${spread(census.cpu)}`);
  console.log(`  one file    ${spread(count.wall)}`);
}

const testFile = (tests: number) =>
  Array.from({ length: tests }, (_, i) => `it("adds ${i}", () => { expect(add()).toBe(${i}); });\n`)
    .join("");

async function measured(
  times: number,
  work: () => void | Promise<void>,
): Promise<{ wall: number[]; cpu: number[] }> {
  const wall: number[] = [];
  const cpu: number[] = [];
  for (let i = 0; i < times; i++) {
    const [begin, cpuBegin] = [performance.now(), cpuMs()];
    await work();
    wall.push(performance.now() - begin);
    cpu.push(cpuMs() - cpuBegin);
  }
  return { wall, cpu };
}

/** Milliseconds of user and system time: of this process, and of programs that have ended. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  const stat = Deno.readTextFileSync("/proc/self/stat");
  const [ofUser, ofSystem] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(13, 15);
  return (user + system) / 1000 + (Number(ofUser) + Number(ofSystem)) * TICK_MS;
}
