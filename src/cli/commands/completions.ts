/** `ralph completions <shell>`: the scripts by which the shells ask `complete.ts`. */
import { Argument, Command } from "@commander-js/extra-typings";
import {
  COMPLETING_SHELLS,
  type CompletingShell,
  completionSetup,
} from "../../doctor/completion_setup.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("completions")
    .addArgument(new Argument("<shell>", "shell to complete in").choices(COMPLETING_SHELLS))
    .addHelpText(
      "after",
      `
Install it once, and open a new shell:
  bash  ${setup("bash", "~/.bashrc")}
  zsh   ${setup("zsh", "~/.zshrc")}
        (that line has to come after the one with \`compinit\`)
  fish  ${setup("fish", "~/.config/fish/completions/ralph.fish").replace(" && ", " &&\n        ")}`,
    )
    .action((shell) => {
      done(completions(context, shell));
    });
}

const setup = (shell: CompletingShell, file: string) => completionSetup({ shell, file }, "~");

/** Prints the script. */
function completions({ output }: CommandContext, shell: CompletingShell): number {
  output.out.write(SCRIPTS[shell]);
  return EXIT.done;
}

/**
 * bash leaves it to the script to join what it splits at `=`, `:` and `@` (COMP_WORDBREAKS), to
 * compare, and to quote: `$2` is the part of the word that will be replaced, without the quote that
 * opens it. `read` without `-r` takes the backslashes away. In an open quote only what needs no more
 * quoting is offered.
 */
const BASH = `# bash completion for ralph
_ralph() {
    local line=\${COMP_LINE:0:COMP_POINT} words=() piece rest
    for piece in "\${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        rest=\${line#"\${line%%[![:space:]]*}"}
        (( \${#piece} > \${#rest} )) && piece=$rest
        if [[ $rest == "$line" && \${#words[@]} -gt 0 ]]; then
            words[-1]+=$piece
        else
            words+=("$piece")
        fi
        line=\${rest#"$piece"}
    done
    local typed=\${words[-1]} word kept quoted='' value
    case $typed in
        [\\'\\"]*) quoted=yes word=\${typed:1} kept=\${word%"$2"} ;;
        *) IFS= read word <<<"$typed"; IFS= read kept <<<"\${typed%"$2"}" ;;
    esac
    COMPREPLY=()
    while IFS=$'\\t' read -r value _; do
        if [[ $value == / ]]; then
            compopt -o dirnames
        elif [[ $value == "$word"* ]]; then
            value=\${value#"$kept"}
            if [[ -z $quoted ]]; then
                printf -v value %q "$value"
            elif [[ $value == *[\\'\\"\\\\$\\\`!]* ]]; then
                continue
            fi
            COMPREPLY+=("$value")
        fi
    done < <(ralph __complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _ralph ralph
`;

/**
 * The last lines make the script work both as a file in `$fpath` and when it is sourced, also by a
 * user who has not switched completion on.
 */
const ZSH = `#compdef ralph
_ralph() {
    local -a candidates
    local value text
    while IFS=$'\\t' read -r value text; do
        if [[ $value == / ]]; then
            _files -/
        else
            value=\${\${value//\\\\/\\\\\\\\}//:/\\\\:}
            candidates+=("$value\${text:+:$text}")
        fi
    done < <(ralph __complete -- "\${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)
    _describe ralph candidates
}
if [[ \${funcstack[1]} == _ralph ]]; then
    _ralph "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i; }
    compdef _ralph ralph
fi
`;

const FISH = `# fish completion for ralph
function __ralph_complete
    for line in (ralph __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
        if test "$line" = /
            __fish_complete_directories (commandline -ct) ''
        else
            printf '%s\\n' $line
        end
    end
end
complete -c ralph -f -a '(__ralph_complete)'
`;

const SCRIPTS: Record<CompletingShell, string> = { bash: BASH, zsh: ZSH, fish: FISH };
