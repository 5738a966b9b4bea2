#!/usr/bin/env bash
# Runs all of stemtree curate, from a listing of multitracks to a hierarchical dataset, on sessions made of rendered songs:
# a library of zip archives (one truncated, one malicious) is served on this machine, gathered, annotated, mixed into
# stems, split and described. docs/results/ms21.md shows its output. 12 songs of 25 s take 1.7 GB in OUT. A stopped run
# goes on where it was.
#   recipes/ms21/run.sh OUT CORPUS...    where CORPUS has Slakh's layout, from: stemtree corpus render
set -euo pipefail
out=$1
shift
here=$(dirname "$0") port=${PORT:-8621}
[[ -e $out/library/listing.csv ]] || python "$here/synthetic_library.py" make "$@" -o "$out/library" \
  --songs "${SONGS:-12}" --seconds "${SECONDS_EACH:-25}" --address "http://127.0.0.1:$port/"

step() {  # prints a command before it runs
  echo "\$ ${*//$out\//}"
  "$@" || [[ $? == 1 ]]  # 1: done, with problems that were printed
}
python -m http.server "$port" --bind 127.0.0.1 --directory "$out/library" 2>"$out/server.txt" &
server=$!
trap 'kill $server' EXIT
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.1; done

step stemtree curate gather "$out/library/listing.csv" -o "$out/gathered"
songs=$out/gathered/songs
step stemtree curate annotate "$songs" -o "$out/annotation.csv"
step python "$here/synthetic_library.py" correct "$out/annotation.csv" --truth "$out/library/truth.csv"
step stemtree curate listen "$songs" --annotation "$out/annotation.csv" -o "$out/evidence.csv"
step stemtree curate bleed "$songs"/* --annotation "$out/annotation.csv" -o "$out/bleed.csv" --workers "${WORKERS:-1}"
step python "$here/synthetic_library.py" judge "$out/annotation.csv" "$out/bleed.csv" --truth "$out/library/truth.csv"
step stemtree curate stems "$songs" --annotation "$out/annotation.csv" -o "$out/MS21" \
  --songs "$out/gathered/songs.csv" --bleed "$out/bleed.csv" --workers "${WORKERS:-1}"
step stemtree curate check "$out/MS21"
step stemtree corpus info "$out/MS21" --kind ms21
step stemtree curate split "$out/MS21" --shares 0.6,0.2,0.2
step stemtree curate stats "rendered=$out/MS21" -o "$out/report"
