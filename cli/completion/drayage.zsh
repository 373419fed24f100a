#compdef drayage
# zsh completion of drayage: sourced, or as a file _drayage in a folder of the fpath.
_drayage() {
  local -a lines described options
  local line value
  lines=("${(@f)$("$words[1]" __complete -- "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
  for line in "${lines[@]}"; do
    value=${line%%$'\t'*}
    case $line in
      '') ;;
      :files) _files ;;
      -*) options+=("${value//:/\\:}:${line#*$'\t'}") ;;
      *) described+=("${value//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  (( $#options )) && _describe -o option options
  (( $#described )) && _describe value described
}
if [[ ${funcstack[1]} == _drayage ]]; then
  _drayage "$@"
else
  (( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit; }
  compdef _drayage drayage
fi
