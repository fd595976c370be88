/**
 * Carries connections between two addresses: a TCP port of 127.0.0.1, or the path of a socket file,
 * which also reaches from one network namespace to another. As a script it relays until its input
 * ends, and prints `ready` when it listens.
 */
import { connect, createServer } from "node:net";
import { pipeline } from "node:stream";

export type Address = { readonly port: number } | { readonly path: string };

export interface Relay extends AsyncDisposable {
  /** Where it listens: 0 for a socket file. */
  readonly port: number;
}

/** Listens at `from` (port 0: any free one) and passes each connection on to `to`. */
export async function startRelay(from: Address, to: Address): Promise<Relay> {
  const open = new Set<Disposable>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: "127.0.0.1", allowHalfOpen: true, ...to });
    const end = () => {
      near.destroy();
      far.destroy();
      open.delete(pair);
    };
    const pair = { [Symbol.dispose]: end };
    open.add(pair);
    let ways = 2;
    const ended = (error: unknown) => {
      if (error || --ways === 0) end();
    };
    pipeline(near, far, ended);
    pipeline(far, near, ended);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", ...from }, resolve);
  });
  const address = server.address();
  return {
    port: address !== null && typeof address === "object" ? address.port : 0,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const pair of open) pair[Symbol.dispose]();
      await closed;
    },
  };
}

if (import.meta.main) {
  const [from, to] = Deno.args.slice(0, 2).map((argument) => JSON.parse(argument));
  await using _relay = await startRelay(from, to);
  console.log("ready");
  for await (const _ of Deno.stdin.readable);
}
