#!/usr/bin/env bash
# Makes the corpora that networks here are trained and judged on, from what anybody can obtain:
#   OUT/freedoom  train: Freedoom's songs, twice, instruments redrawn; validation: 12 held-out songs with their own
#   OUT/composed  train: songs composed with MMA, half of them with instruments redrawn
#   OUT/openmsx   test: openttd-openmsx's songs with TimGM6mb, songs and soundfont that no training set has
# Debian packages: libfluidsynth3 mma fluid-soundfont-gm openttd-openmsx; Freedoom's MIDI files are `musics/*.mid` in its
# source. A run that was stopped goes on where it was.
#   recipes/corpora.sh FREEDOOM OUT [options of stemtree corpus render, such as --rate 16000 --mono]
set -euo pipefail
freedoom=$1 out=$2
shift 2
here=$(dirname "$0")
source "$here/freedoom.sh"
soundfonts=(--soundfont "${SOUNDFONT:-/usr/share/sounds/sf2/FluidR3_GM.sf2}")
openmsx=${OPENMSX:-/usr/share/games/openttd/baseset/openmsx}
unseen=$(python -c 'import pretty_midi; print(pretty_midi.__path__[0])')/TimGM6mb.sf2

freedoom_songs "$freedoom"
stemtree corpus render "${train[@]}" -o "$out/freedoom" --split train "${soundfonts[@]}" --redraw --takes 2 "$@"
stemtree corpus render "${held_out[@]}" -o "$out/freedoom" --split validation "${soundfonts[@]}" "$@"
stemtree corpus render "$openmsx"/*.mid -o "$out/openmsx" --split test --soundfont "$unseen" "$@"

songs=${SONGS:-300}
stemtree corpus compose "$songs" -o "$out/midi"
stemtree corpus render "$out"/midi/*[02468].mid -o "$out/composed" --split train "${soundfonts[@]}" "$@"
stemtree corpus render "$out"/midi/*[13579].mid -o "$out/composed" --split train "${soundfonts[@]}" --redraw "$@"
for corpus in freedoom composed openmsx; do
  stemtree corpus info "$out/$corpus" --kind slakh
done
