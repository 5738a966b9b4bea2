#!/usr/bin/env bash
# Makes the corpora of the experiments from sources that anyone can obtain:
#   OUT/freedoom  train: songs of Freedoom, each twice with random instruments; validation: 12 other songs with their own
#   OUT/composed  train: songs composed with MMA, half of them with random instruments
#   OUT/openmsx   test: songs of openttd-openmsx with TimGM6mb; neither songs nor soundfont are in the training data
# Debian packages: libfluidsynth3 mma fluid-soundfont-gm openttd-openmsx; Freedoom's MIDI files are `musics/*.mid` in its
# source. A stopped run goes on where it was.
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
