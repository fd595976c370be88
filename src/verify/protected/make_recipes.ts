/** What a target of a Makefile or a justfile runs, as far as it stands there in plain words. */

/**
 * The recipe lines of the targets that `words` name (none of them: the first target), and of those
 * that they need. Variables are left as `$NAME`; rules with patterns are not followed.
 */
export function recipeLines(text: string, words: readonly string[]): readonly string[] {
  const rules = readRules(text);
  const named = words.filter((word) => rules.has(word));
  const [first] = rules.keys();
  const wanted = named.length > 0 ? named : first === undefined ? [] : [first];
  const followed = new Set<string>();
  const lines: string[] = [];
  for (let name = wanted.shift(); name !== undefined; name = wanted.shift()) {
    if (followed.has(name)) continue;
    followed.add(name);
    lines.push(...rules.get(name)?.lines ?? []);
    wanted.push(...rules.get(name)?.needs ?? []);
  }
  return lines;
}

/** The files that a Makefile takes in. */
export function includedFiles(text: string): readonly string[] {
  return [...text.matchAll(/^[-s]?include[ \t]+(.+)$/gm)].flatMap(([, names]) =>
    names.trim().split(/\s+/)
  );
}

function readRules(text: string) {
  const rules = new Map<string, { needs: readonly string[]; lines: string[] }>();
  let open: string[] = [];
  for (const line of text.replaceAll(/\\\r?\n/g, " ").split(/\r?\n/)) {
    const recipe = /^[ \t]+[@+-]*(.*)$/.exec(line);
    if (recipe) {
      const plainly = recipe[1].replaceAll(/\$[({](\w+)[)}]/g, "$$$1");
      for (const name of open) rules.get(name)?.lines.push(plainly);
      continue;
    }
    const rule = /^([^#=:\s.%][^#=:%]*)::?(?!=)([^#=;]*)/.exec(line);
    if (!rule) {
      if (line.trim() !== "" && !line.startsWith("#")) open = [];
      continue;
    }
    open = rule[1].trim().split(/\s+/);
    const needs = rule[2].trim().split(/\s+/).filter(Boolean);
    for (const name of open) {
      rules.set(name, {
        needs: [...rules.get(name)?.needs ?? [], ...needs],
        lines: rules.get(name)?.lines ?? [],
      });
    }
  }
  return rules;
}
