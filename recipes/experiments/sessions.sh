#!/usr/bin/env bash
# Makes three corpora of MS21's kind from rendered songs with an electric guitar, by `stemtree curate`, 16 kHz mono:
#   OUT            nothing leaks; splits train, validation and test
#   OUT_leaking    the same sessions; in each another instrument leaks into two of the tracks
#   OUT_dropped    these, made without the tracks in which leakage is found
# Splits are drawn anew: a song of one split of SONGS may be in another one here.
# A stopped run goes on where it was.
#   recipes/experiments/sessions.sh SONGS OUT      (SESSIONS=200, SESSION_SECONDS=40, WORKERS=1; MATCH='song_*': of these
#   songs alone; ONLY_CLEAN=1: only the first corpus, without splits)
set -euo pipefail
songs=$1 out=$2
here=$(dirname "$0") port=${PORT:-8622} work=$out.work
library=$here/../ms21/synthetic_library.py
workers=(--workers "${WORKERS:-1}")

gather() { # NAME LEAKING_EVERY: sessions with their labels in $work/NAME
  local place=$work/$1
  [[ -e $place/annotation.csv ]] && return
  rm -rf "$place/library"
  python "$library" make "$songs" -o "$place/library" --songs "${SESSIONS:-200}" --seconds "${SESSION_SECONDS:-40}" \
    --match "${MATCH:-song_*}" --leaf accompaniment/other/electric_guitar --leaking-every "$2" --address "http://127.0.0.1:$port/"
  python -m http.server "$port" --bind 127.0.0.1 --directory "$place/library" >"$place/server.txt" 2>&1 &
  server=$!
  trap 'kill $server' EXIT
  until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.1; done
  stemtree curate gather "$place/library/listing.csv" -o "$place/gathered" --no-previews || [[ $? == 1 ]]
  kill "$server"
  trap - EXIT
  wait "$server" || true
  stemtree curate annotate "$place/gathered/songs" -o "$place/labels.csv" || [[ $? == 1 ]]
  python "$library" correct "$place/labels.csv" --truth "$place/library/truth.csv"
  mv "$place/library/truth.csv" "$place/truth.csv"
  rm -rf "$place/library"
  mv "$place/labels.csv" "$place/annotation.csv"
}

stems() { # NAME ROOT options
  local place=$work/$1
  stemtree curate stems "$place/gathered/songs" --annotation "$place/annotation.csv" --songs "$place/gathered/songs.csv" \
    -o "$2" --rate 16000 --mono "${workers[@]}" "${@:3}" || [[ $? == 1 ]]
}

gather clean 0
stems clean "$out"
[[ -z ${ONLY_CLEAN:-} ]] || exit 0
stemtree curate split "$out" --shares 0.5,0.1,0.4 || [[ $? == 1 ]]
gather leaking 1
bleed=$work/leaking/bleed.csv
[[ -e $bleed ]] || stemtree curate bleed "$work"/leaking/gathered/songs/* --annotation "$work/leaking/annotation.csv" \
  -o "$bleed" "${workers[@]}" || [[ $? == 1 ]]
python "$library" judge "$work/leaking/annotation.csv" "$bleed" --truth "$work/leaking/truth.csv"
stems leaking "${out}_leaking" --bleed "$bleed"
stems leaking "${out}_dropped" --bleed "$bleed" --drop-bleed
for root in "${out}_leaking" "${out}_dropped"; do
  cp "$out/splits.csv" "$root/splits.csv"
  stemtree curate split "$root" || [[ $? == 1 ]]
done
