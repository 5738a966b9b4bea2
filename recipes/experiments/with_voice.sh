#!/usr/bin/env bash
# Makes the test sets of `stemtree experiment` in which all levels of an electric guitar's path can be measured, 16 kHz mono:
#   OUT/songs_with_voice      those of 2,200 further songs of MMA that have a guitar, a voice and another instrument
#   OUT/sessions_with_voice   the first of these, up to number 1,999, taken apart and made into MS21; nothing leaks
# None of them is in the corpora of corpora.sh, which this needs nothing of. 20 minutes on one core, 4 GB, in the end 3.
# A stopped run goes on where it was, sessions by thirds.
#   recipes/experiments/with_voice.sh OUT      (WORKERS=1)
set -euo pipefail
out=$1
here=$(dirname "$0")
used=760 further=${FURTHER_SONGS:-2200}
soundfont=${SOUNDFONT:-/usr/share/sounds/sf2/FluidR3_GM.sf2}
chosen=$out/midi/with_voice.txt

stemtree corpus compose $((used + further)) -o "$out/midi"
composed=("$out"/midi/song_*.mid)
if [[ ! -e $chosen ]]; then
  python "$here/with_voice.py" "$soundfont" "${composed[@]:used:further}" >"$chosen.part"
  mv "$chosen.part" "$chosen"
fi
mapfile -t songs <"$chosen"
stemtree corpus render "${songs[@]}" -o "$out/songs_with_voice" --split test --redraw --excerpt 60 --soundfont "$soundfont" \
  --rate 16000 --mono --format flac --hierarchy slakh --workers "${WORKERS:-1}"
sessions=$out/sessions_with_voice
for numbers in '00*' '01[0-4]*' '01[5-9]*'; do
  made=$out/midi/sessions_$numbers.made
  [[ -e $made ]] && continue
  ONLY_CLEAN=1 SESSIONS=100 MATCH="song_$numbers" "$here/sessions.sh" "$out/songs_with_voice" "$sessions"
  rm -r "$sessions.work" "$sessions"/*/*_RAW
  touch "$made"
done
stemtree corpus info "$out/songs_with_voice" --kind slakh --hierarchy ms21
stemtree corpus info "$sessions" --kind ms21
