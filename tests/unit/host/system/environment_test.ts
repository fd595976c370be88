import assert from "node:assert/strict";

const MODULE = import.meta.resolve("../../../../src/host/system/environment.ts");
const ACCOUNTS = import.meta.resolve("../../../../src/host/system/accounts.ts");

/** What `code` prints, in a process of its own with these variables and no others of proxies. */
async function printed(
  code: string,
  { env = {}, ...how }: { env?: Record<string, string>; uid?: number; cwd?: string } = {},
): Promise<string> {
  const kept = Object.entries(Deno.env.toObject()).filter(([name]) => !/proxy$/i.test(name));
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", "--no-lock", "--ext=ts", code],
    env: { ...Object.fromEntries(kept), NO_COLOR: "1", ...env },
    clearEnv: true,
    ...how,
  }).output();
  const said = new TextDecoder().decode(stdout).trim();
  assert.notEqual(said, "", new TextDecoder().decode(stderr));
  return said;
}

const ASK = `
  import { keepLoopbackOffProxies } from ${JSON.stringify(MODULE)};
  keepLoopbackOffProxies();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => new Response("direct"));
  const answer = await fetch("http://127.0.0.1:" + server.addr.port, { headers: { authorization: "secret" } })
    .then((reply) => reply.text(), (error) => error.message);
  console.log(answer);
  Deno.exit();`;

const PROXIES: readonly { name: string; scheme: string; spared?: Record<string, string> }[] = [
  { name: "HTTP_PROXY", scheme: "http" },
  { name: "http_proxy", scheme: "http", spared: { no_proxy: "example.com" } },
  { name: "ALL_PROXY", scheme: "http" },
  { name: "ALL_PROXY", scheme: "socks5", spared: { NO_PROXY: "example.com" } },
  { name: "all_proxy", scheme: "socks5h", spared: { no_proxy: "example.com" } },
];

for (const { name, scheme, spared = {} } of PROXIES) {
  const words = `${name}=${scheme}://… ${JSON.stringify(spared)}`;
  Deno.test(`a request to this machine does not go to a proxy: ${words}`, async () => {
    let heard = 0;
    using proxy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const listening = (async () => {
      for await (const connection of proxy) {
        heard++;
        connection.close();
      }
    })();
    const url = `${scheme}://127.0.0.1:${proxy.addr.port}`;
    assert.equal(await printed(ASK, { env: { [name]: url, ...spared } }), "direct");
    assert.equal(heard, 0);
    proxy.close();
    await listening.catch(() => {});
  });
}

Deno.test("what the user spares from a proxy stays spared; without a proxy nothing is set", async () => {
  const code = `
    import { keepLoopbackOffProxies } from ${JSON.stringify(MODULE)};
    keepLoopbackOffProxies();
    keepLoopbackOffProxies();
    console.log(JSON.stringify([Deno.env.get("NO_PROXY") ?? "", Deno.env.get("no_proxy") ?? ""]));`;
  assert.deepEqual(JSON.parse(await printed(code)), ["", ""]);
  const env = { all_proxy: "http://127.0.0.1:9", no_proxy: "intern,localhost" };
  const spared = "intern,localhost,127.0.0.1,127.0.0.0/8,::1,[::1]";
  assert.deepEqual(JSON.parse(await printed(code, { env })), [spared, spared]);
});

Deno.test({
  name: "a user without a name is called by its number",
  ignore: Deno.uid() !== 0,
  async fn() {
    const folder = Deno.makeTempDirSync();
    try {
      Deno.chmodSync(folder, 0o777);
      const code = `
        import { userName } from ${JSON.stringify(ACCOUNTS)};
        console.log(userName());`;
      const env = { DENO_DIR: folder, HOME: folder };
      assert.equal(await printed(code, { env, uid: 43_210, cwd: folder }), "43210");
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});
