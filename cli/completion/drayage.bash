# bash completion of drayage. Needs nothing but bash.
_drayage() {
  local rest=${COMP_LINE:0:COMP_POINT} words=() last=-1 i word blanks
  # Bash splits words at = and : too; what follows without a blank belongs to the word before.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    blanks=${rest%%[![:blank:]]*}
    rest=${rest#"$blanks"}
    word=${COMP_WORDS[i]}
    ((i == COMP_CWORD)) && word=$rest
    if ((i == 0)) || [[ -n $blanks ]]; then
      ((last += 1))
      words[last]=$word
    else
      words[last]+=$word
    fi
    rest=${rest#"$word"}
  done
  # What stands before the last = or : is there already.
  local current=${words[last]} typed=''
  case $COMP_WORDBREAKS in *:*) typed=${current%"${current##*:}"} ;; esac
  case $COMP_WORDBREAKS in
    *=*) [[ ${#typed} -lt ${#current} && ${current#"$typed"} == *=* ]] && typed=${current%"${current##*=}"} ;;
  esac
  COMPREPLY=()
  local line value
  while IFS= read -r line; do
    case $line in
      :files) compopt -o default 2>/dev/null ;;
      *)
        value=${line%%$'\t'*}
        COMPREPLY+=("${value#"$typed"}")
        ;;
    esac
  done < <("${words[0]}" __complete -- "${words[@]:1}" 2>/dev/null)
}
complete -F _drayage drayage
