import assert from "node:assert/strict";

/** How a process ends that gets SIGTERM, and listens as `listener` says. */
async function endAfterSignal(listener: string): Promise<Deno.CommandStatus & { said: string }> {
  const signals = import.meta.resolve("../../../../src/host/process/signals.ts");
  const code = `
    import { onEndingSignal } from "${signals}";
    const timer = setTimeout(() => Deno.exit(9), 20_000);
    onEndingSignal(${listener});
    Deno.kill(Deno.pid, "SIGTERM");`;
  const { code: exitCode, signal, success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", code],
    stdin: "null",
  }).output();
  return { code: exitCode, signal, success, said: new TextDecoder().decode(stderr) };
}

Deno.test("a signal that is heard ends nothing by itself", async () => {
  const { code } = await endAfterSignal("() => { clearTimeout(timer); Deno.exit(7); }");
  assert.equal(code, 7);
});

Deno.test("one whose listener fails ends the process, as if nobody had listened", async () => {
  const { signal, said } = await endAfterSignal('() => { throw new Error("not heard"); }');
  assert.equal(signal, "SIGTERM", said);
  assert.equal(said, "");
});

Deno.test("one that may come again ends nothing the second time either", async () => {
  const { code, said } = await endAfterSignal(`() => {
    Deno.addSignalListener("SIGTERM", () => Deno.exit(7)); // after the one that is tested
    Deno.kill(Deno.pid, "SIGTERM");
  }, { once: "SIGTERM" }`);
  assert.equal(code, 7, said);
});
