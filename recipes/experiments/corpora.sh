#!/usr/bin/env bash
# Makes the corpora of `stemtree experiment` at the size `small`, 16 kHz mono, from sources that anyone can obtain:
#   OUT/songs       train: 98 songs of Freedoom, each twice with random instruments, and 300 composed with MMA;
#                   validation: 60 other songs of MMA; test: 400 other songs of MMA and 12 of Freedoom
#   OUT/openmsx     test: songs of openttd-openmsx with TimGM6mb; neither songs nor soundfont are in the other corpora
#   OUT/four_stems  songs with a voice as MUSDB18-HQ has them: vocals (choirs), drums, bass, other
#   OUT/sessions    songs with an electric guitar, taken apart into multitracks and made into MS21 by `stemtree curate`
# A song is rendered once and is read with the hierarchy of Slakh and with that of MS21. 40 minutes on one core, 20 GB.
# Debian packages: libfluidsynth3 mma fluid-soundfont-gm openttd-openmsx; Freedoom's MIDI files are `musics/*.mid` in its
# source. A stopped run goes on where it was.
#   recipes/experiments/corpora.sh FREEDOOM OUT      (WORKERS=1: processes)
set -euo pipefail
freedoom=$1 out=$2
here=$(dirname "$0")
source "$here/../freedoom.sh"
openmsx=${OPENMSX:-/usr/share/games/openttd/baseset/openmsx}
unseen=$(python -c 'import pretty_midi; print(pretty_midi.__path__[0])')/TimGM6mb.sf2
workers=(--workers "${WORKERS:-1}")
train_songs=${TRAIN_SONGS:-300} validation_songs=${VALIDATION_SONGS:-60} test_songs=${TEST_SONGS:-400}

render() { # MIDI... options
  stemtree corpus render "$@" --rate 16000 --mono --hierarchy slakh "${workers[@]}"
}
sixty=(--redraw --excerpt 60 --soundfont "${SOUNDFONT:-/usr/share/sounds/sf2/FluidR3_GM.sf2}")
freedoom_songs "$freedoom"
stemtree corpus compose $((train_songs + validation_songs + test_songs)) -o "$out/midi"
composed=("$out"/midi/song_*.mid)
render "${composed[@]:0:train_songs}" -o "$out/songs" --split train "${sixty[@]}"
render "${composed[@]:train_songs:validation_songs}" -o "$out/songs" --split validation "${sixty[@]}"
render "${composed[@]:train_songs+validation_songs:test_songs}" -o "$out/songs" --split test "${sixty[@]}"
render "${train[@]}" -o "$out/songs" --split train "${sixty[@]}" --takes 2
render "${held_out[@]}" -o "$out/songs" --split test "${sixty[@]}"
render "$openmsx"/*.mid -o "$out/openmsx" --split test --soundfont "$unseen"
python "$here/four_stems.py" "$out/songs" "$out/four_stems"
"$here/sessions.sh" "$out/songs" "$out/sessions"

index() { # CORPUS KIND HIERARCHY
  stemtree corpus index "$out/$1" --kind "$2" --hierarchy "$3" --duration 4 --hop 2
}
index songs slakh ms21
index songs slakh slakh
index four_stems musdb18-hq musdb18
index sessions ms21 ms21
for corpus in songs openmsx; do stemtree corpus info "$out/$corpus" --kind slakh --hierarchy ms21; done
stemtree corpus info "$out/four_stems" --kind musdb18-hq
stemtree corpus info "$out/sessions" --kind ms21
