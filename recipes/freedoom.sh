# Divides the songs of Freedoom into training and held-out songs; to be sourced.
#   freedoom_songs FREEDOOM    sets `train` and `held_out`; Freedoom's MIDI files are `musics/*.mid` in its source.
freedoom_songs() {
  train=() held_out=()
  local midi names
  names=$(dirname "${BASH_SOURCE[0]}")/freedoom_held_out.txt
  for midi in "$1"/*.mid; do
    if grep -qx "$(basename "$midi")" "$names"; then
      held_out+=("$midi")
    elif [[ $(basename "$midi") != @(d_introa|dummy).mid ]]; then # d_introa is a copy of d_intro, dummy has no notes
      train+=("$midi")
    fi
  done
}
