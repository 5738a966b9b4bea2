#!/usr/bin/env bash
# Rebuilds the default model from sources that anyone can obtain: corpora (30 minutes on two cores, 60 GB), training (two
# hours of one core), its figures on songs and a soundfont that it has not heard, and the folder that the package carries.
# See default_corpora.sh for what must be installed. A run that was stopped goes on where it was.
#   recipes/default_model.sh FREEDOOM INSTRUMENTS OUT
set -euo pipefail
freedoom=$1 instruments=$2 out=$3
here=$(cd "$(dirname "$0")" && pwd)
"$here/default_corpora.sh" "$freedoom" "$instruments" "$out/data"
cd "$out"
OMP_NUM_THREADS=1 stemtree train "$here/../configs/default.yaml" -o run
OMP_NUM_THREADS=1 stemtree evaluate run --corpus data/openmsx --kind slakh --hierarchy ms21 --root accompaniment \
  --stereo --no-bss --absent -o openmsx.parquet
python "$here/default_model.py" run openmsx.parquet -o default_model --temperature 1.25 --fade -22
