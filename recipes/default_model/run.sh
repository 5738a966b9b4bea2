#!/usr/bin/env bash
# Makes OUT/default_model, `start` in docs/results/default-model.md: the model that the third run of the default model begins with
# (recipes/real_sounds/make.py). From sources that anyone can obtain: corpora (50 minutes on two cores, 75 GB), two training runs
# (three and a half hours on two cores), the mean of their weights, and its metrics on songs and a soundfont that are not in the
# training data.
# corpora.sh lists what must be installed. A stopped run goes on where it was.
#   recipes/default_model/run.sh FREEDOOM INSTRUMENTS OUT
set -euo pipefail
freedoom=$1 instruments=$2 out=$3
here=$(cd "$(dirname "$0")" && pwd)
"$here/corpora.sh" "$freedoom" "$instruments" "$out/data"
cd "$out"
stemtree train default -o first
stemtree train default_more -o run # starts from the weights of `first`
python "$here/publish.py" run -o averaged --average first
python "$here/calibrate.py" averaged data/calibration # compares temperatures and thresholds of suppression
chosen=(--average first --temperature 1.5 --inactive-below -22) # see docs/results/default-model.md
python "$here/publish.py" run -o default_model "${chosen[@]}"
stemtree evaluate separate:default_model --corpus data/openmsx --kind slakh --hierarchy ms21 --stereo --no-bss --absent \
  -o openmsx_pipeline.parquet
python "$here/publish.py" run openmsx_pipeline.parquet -o default_model "${chosen[@]}" # with its metrics on its card
