#!/usr/bin/env bash
# Makes the corpora of the default model, 44.1 kHz stereo, from sources that anyone can obtain, or those of them that
# are named: 50 minutes on two cores and 75 GB, and ten minutes and 2 GB for `again` and `again_plain`.
#   train:      effects, plain  songs of Freedoom and Simutrans with random instruments, one excerpt of each per take
#               doubled         as effects, some parts played by two instruments
#               bands, mixed    excerpts of songs composed with MMA, with their own and with random instruments
#               low             as doubled, with random instruments for bass lines too and basses for melodies
#               modelled        as doubled, many sounds from models of instruments
#               again           as doubled, with all of these sounds, for the fifth run
#               again_plain     the same without effects, keys and sizes, and nothing doubled
#   validation: held_out        12 Freedoom songs with their own instruments
#               calibration     the same songs with the sounds of Freepats
#   test:       openmsx         songs of openttd-openmsx with TimGM6mb; neither songs nor soundfont are in the training data
# Debian packages: libfluidsynth3 mma polyphone fluid-soundfont-gm musescore-general-soundfont csound-soundfont opl3-soundfont csound
# avldrums.lv2-soundfont hydrogen-drumkits freepats simutrans-data openttd-openmsx; Freedoom's MIDI files are `musics/*.mid` in its source;
# INSTRUMENTS holds recorded instruments in SFZ. A stopped run goes on where it was.
#   recipes/default_model/corpora.sh FREEDOOM INSTRUMENTS OUT [CORPUS...]
set -euo pipefail
freedoom=$1 instruments=$2 out=$3 asked=("${@:4}")
for name in "${asked[@]}"; do
  grep -q "^corpus $name " "$0" || { echo "there is no corpus '$name': see the names in $0" >&2; exit 2; }
done
here=$(dirname "$0")
source "$here/../freedoom.sh"
fonts=${SOUNDFONTS:-/usr/share/sounds}
openmsx=${OPENMSX:-/usr/share/games/openttd/baseset/openmsx}
simutrans=${SIMUTRANS:-/usr/share/games/simutrans/music}
unseen=$(python -c 'import pretty_midi; print(pretty_midi.__path__[0])')/TimGM6mb.sf2

make_soundfonts() { # FOLDER SFZ_FOLDER...
  local folder=$1 instruments
  shift
  [[ -e $folder/done ]] && return
  for instruments in "$@"; do python "$here/../soundfonts/instruments.py" "$instruments" "$folder"; done
  touch "$folder/done"
}
python "$here/../soundfonts/drumkits.py" "${KITS:-/usr/share/hydrogen/data/drumkits}" "$out/sfz/kits"
python "$here/../soundfonts/freepats.py" "${FREEPATS:-/usr/share/midi/freepats}" "$out/sfz/freepats"
make_soundfonts "$out/sf2" "$instruments" "$out/sfz/kits"
make_soundfonts "$out/freepats_sf2" "$out/sfz/freepats"
[[ -e $out/modelled_sf2/done ]] || python "$here/../soundfonts/modelled.py" "$out/sfz/modelled"
make_soundfonts "$out/modelled_sf2" "$out/sfz/modelled"
soundfonts=(--soundfont "$fonts/sf2/FluidR3_GM.sf2" --soundfont "$fonts/sf3/MuseScore_General.sf3")
gmbank=(--soundfont "$fonts/sf2/sf_GMbank.sf2")
soundfonts+=("${gmbank[@]}")
for file in "$out"/sf2/*[0-9].sf2; do soundfonts+=(--soundfont "$file"); done
drums=(--drums "$fonts/sf2/Black_Pearl_4_LV2.sf2" --drums "$fonts/sf2/Red_Zeppelin_4_LV2.sf2")
for file in "$out"/sf2/*_kit.sf2; do drums+=(--drums "$file"); done
chips=(--soundfont "$fonts/sf2/OPL-3_FM_128M.sf2")
drums+=(--drums "$out/freepats_sf2/freepats_kit.sf2")
freepats=()
for file in "$out"/freepats_sf2/*[0-9].sf2; do freepats+=(--soundfont "$file"); done
soundfonts+=("${freepats[@]}")
modelled=()
for file in "$out"/modelled_sf2/*.sf2; do modelled+=(--soundfont "$file"); done

freedoom_songs "$freedoom"
written=("${train[@]}" "$simutrans"/*.mid) songs=${SONGS:-500} varied=(--redraw --double --vary --effects)
is_asked() { ((${#asked[@]} == 0)) || [[ " ${asked[*]} " == *" $1 "* ]]; }
corpus() { # NAME SPLIT OPTION...; of training, silent excerpts and broken files are reported and left out
  is_asked "$1" || return 0
  if [[ $2 == train ]]; then
    stemtree corpus render "${@:3}" -o "$out/$1" --split train --skip-bad || [[ $? == 1 ]]
  else
    stemtree corpus render "${@:3}" -o "$out/$1" --split "$2"
  fi
  [[ $2 == test ]] || stemtree corpus index "$out/$1" --kind slakh --hierarchy ms21 --duration 4 --hop 2
}
if is_asked bands || is_asked mixed; then stemtree corpus compose "$songs" -o "$out/midi"; fi
corpus openmsx test "$openmsx"/*.mid --soundfont "$unseen"
corpus held_out validation "${held_out[@]}" --excerpt 60 --soundfont "$fonts/sf2/FluidR3_GM.sf2"
corpus calibration validation "${held_out[@]}" --excerpt 60 "${freepats[@]}" --drums "$out/freepats_sf2/freepats_kit.sf2"
corpus effects train "${written[@]}" --excerpt 16 "${soundfonts[@]}" --redraw --vary --effects --takes 7
corpus doubled train "${written[@]}" --excerpt 16 "${soundfonts[@]}" "${chips[@]}" "${drums[@]}" "${varied[@]}" --takes 4 --seed 2
corpus bands train "$out"/midi/*[02468].mid --excerpt 16 "${soundfonts[@]}" "${drums[@]}" --effects
corpus plain train "${written[@]}" --excerpt 16 "${soundfonts[@]}" "${drums[@]}" --redraw --takes 2 --seed 1
corpus mixed train "$out"/midi/*[13579].mid --excerpt 16 "${soundfonts[@]}" "${chips[@]}" "${drums[@]}" --redraw --double --vary --seed 1
corpus low train "${written[@]}" --excerpt 16 "${soundfonts[@]}" "${chips[@]}" "${modelled[@]}" "${drums[@]}" "${varied[@]}" \
  --redraw-bass --takes 2 --seed 3
corpus modelled train "${written[@]}" --excerpt 16 "${gmbank[@]}" "${modelled[@]}" "${drums[@]}" "${varied[@]}" --seed 4
every=("${soundfonts[@]}" "${chips[@]}" "${modelled[@]}" "${drums[@]}")
corpus again train "${written[@]}" --excerpt 12 "${every[@]}" "${varied[@]}" --takes 2 --seed 12 --format flac
corpus again_plain train "${written[@]}" --excerpt 12 "${every[@]}" --redraw --seed 11 --format flac
