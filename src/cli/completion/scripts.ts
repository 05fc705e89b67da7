/**
 * The completion scripts of the shells. They contain no knowledge of the commands: at each Tab they run `complete`,
 * which prints the possible words. So a new version needs no new scripts.
 *
 * `complete` prints a line for each word: the word, a tab and a description. `:files` stands for local files.
 */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof SHELLS)[number];

/** The output that stands for local files. */
export const FILES = ':files';

const BASH = `# Completion of streamfs for bash: source <(streamfs completion bash)
_streamfs() {
  local current="\${COMP_WORDS[COMP_CWORD]}" line word prefix=''
  COMPREPLY=()
  # bash treats = as a separate word.
  if [[ $current == = ]]; then current=''; prefix="\${COMP_WORDS[COMP_CWORD-1]}="; fi
  if [[ \${COMP_WORDS[COMP_CWORD-1]} == = ]]; then prefix="\${COMP_WORDS[COMP_CWORD-2]}="; fi
  while IFS= read -r line; do
    word="\${line%%$'\\t'*}"
    if [[ $word == '${FILES}' ]]; then
      compopt -o filenames 2>/dev/null
      mapfile -t -O \${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$current")
      continue
    fi
    word="\${word#"$prefix"}"
    [[ $word == */ || $word == *= ]] && compopt -o nospace 2>/dev/null
    printf -v word '%q' "$word"
    COMPREPLY+=("\${word//\\\\=/=}")
  done < <("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _streamfs streamfs
`;

const ZSH = `#compdef streamfs
# Completion of streamfs for zsh: source <(streamfs completion zsh)
_streamfs() {
  local line word
  local -a values shown open
  for line in "\${(@f)$("\${words[1]}" complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    word="\${line%%$'\\t'*}"
    if [[ -z $word ]]; then continue
    elif [[ $word == '${FILES}' ]]; then _files
    elif [[ $word == */ || $word == *= ]]; then open+=("$word")
    else values+=("$word"); shown+=("$word  \${line#*$'\\t'}")
    fi
  done
  (( \${#open} )) && compadd -S '' -a open
  (( \${#values} )) && compadd -l -d shown -a values
}
compdef _streamfs streamfs
`;

const FISH = `# Completion of streamfs for fish: streamfs completion fish | source
function __streamfs_complete
  set -l words (commandline -opc)
  for line in ($words[1] complete -- $words[2..] (commandline -ct) 2>/dev/null)
    if test "$line" = '${FILES}'
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c streamfs -f -k -a '(__streamfs_complete)'
`;

export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
