/** No option for git, and no name that it refuses: git-check-ref-format(1). */
export const BRANCH_NAME = /^(?!-)[^\p{Cc} ~^:?*[\\]+$/u;
