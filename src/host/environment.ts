/** The environment variables, read in this one place. */

/** The value of a variable; undefined when it is unset or empty. */
export function environment(name: string): string | undefined {
  return Deno.env.get(name) || undefined;
}

/** The names of all variables. */
export function environmentNames(): readonly string[] {
  return Object.keys(Deno.env.toObject());
}

/**
 * Keeps requests to this machine away from a proxy that HTTP_PROXY names: Deno's `fetch` would send
 * them there too (measured, 2.9.6). To be called before the first request; child processes see it.
 */
export function keepLoopbackOffProxies(): void {
  if (!environment("HTTP_PROXY") && !environment("http_proxy")) return;
  const spared = environment("NO_PROXY") ?? environment("no_proxy");
  Deno.env.set("NO_PROXY", [spared, "127.0.0.1", "localhost", "::1"].filter(Boolean).join(","));
}
