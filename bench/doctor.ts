/**
 * `ralph doctor` on a real systemd with the real server: when all is well, and while the server
 * hangs. Times are those of the whole command inside the testbed, `--version` beside them.
 */
import { UNIT_NAME } from "../src/doctor/unit_facts.ts";
import { machine } from "../tests/systemd/machine.ts";
import { whyNoTestbed } from "../tests/support/testbed.ts";
import { spread } from "./statistics.ts";
import { NEWEST } from "../tests/support/install.ts";

export async function benchDoctor({ checkups }: { checkups: number }): Promise<void> {
  const reason = whyNoTestbed();
  if (reason !== undefined) return console.log(`doctor: not measured (${reason})`);
  await using m = await machine({ version: NEWEST });
  await m.setUp();

  async function times(args: readonly string[], code: number): Promise<string> {
    const taken: number[] = [];
    for (let i = 0; i < checkups; i++) {
      const begin = performance.now();
      const result = await m.run(args);
      taken.push(performance.now() - begin);
      if (result.code !== code) throw new Error(result.stdout + result.stderr);
    }
    return spread(taken);
  }

  console.log(`doctor, ${checkups} times each, OpenCode 1.18.33 under systemd`);
  console.log(`  --version       ${await times(["--version"], 0)} the testbed's own share`);
  console.log(`  all is well     ${await times(["doctor"], 0)}`);
  const signal = (name: string) => m.sh(`systemctl --user kill --signal=${name} ${UNIT_NAME}`);
  await signal("STOP");
  console.log(`  server hangs    ${await times(["doctor"], 1)}`);
  await signal("CONT");
}
