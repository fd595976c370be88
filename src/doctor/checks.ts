/** All checks, in the order in which they are shown: what others need comes first. */
import type { Check } from "./check.ts";
import { homeCheck, hostChecks } from "./host.ts";
import { projectChecks } from "./project.ts";
import { deepChecks, serverChecks } from "./server.ts";
import { serviceChecks } from "./service.ts";
import { storeChecks } from "./store.ts";

/** `deep`: with those that cost something. */
export function allChecks({ deep }: { deep: boolean }): readonly Check[] {
  const checks = [
    ...hostChecks,
    ...serviceChecks,
    ...serverChecks,
    ...(deep ? deepChecks : []),
    ...storeChecks,
    ...projectChecks,
  ];
  return [
    homeCheck,
    ...checks.map((check) => ({ ...check, needs: [homeCheck.id, ...check.needs ?? []] })),
  ];
}
