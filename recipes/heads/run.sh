#!/usr/bin/env bash
# Heads and losses at equal steps: trains one small network for each, measures it on songs and a soundfont that it has not
# heard, and writes OUT/heads.md. Each run is one thread of about seven minutes; a run that is there is left.
#   recipes/heads/run.sh DATA OUT    where DATA was made by: recipes/corpora.sh FREEDOOM DATA --rate 16000 --mono
set -euo pipefail
data=$1 out=$2
here=$(dirname "$0")
export OMP_NUM_THREADS=1
test_songs=(--corpus "$data/openmsx" --kind slakh --hierarchy ms21 --root accompaniment --sample 120 --no-bss --absent)
mkdir -p "$out"
stemtree corpus index "$data/freedoom" --kind slakh --hierarchy ms21 --duration 4 --hop 2 -o "$out/index.parquet"

run() {  # relation, loss, seed, more options of stemtree train
  local name=$1-$2-$3
  stemtree train "$here/../../configs/tree.yaml" "$here/heads.yaml" -o "$out/$name" \
    --set "train=[{root: $data/freedoom, split: train, index: $out/index.parquet}]" \
    --set "validation=[{root: $data/freedoom, split: validation, index: $out/index.parquet}]" \
    --set relation.kind="$1" --set loss="$2" --set seed="$3" "${@:4}"
  stemtree evaluate "$out/$name" "${test_songs[@]}" -o "$out/$name.parquet" >"$out/$name.txt"
}
for relation in tree direct constrained sequential; do run $relation tpsa_mse 0; done
# Instruments are taken from their family (sequential), the families and what percussion consists of from the mixture.
instruments=(pianos electronic_keyboards electric_guitar acoustic_guitar strings brass woodwinds tonal_percussion)
sources=$(printf 'other/%s: other, ' "${instruments[@]}" fx_processed_sound)
run mixed tpsa_mse 0 --set "relation.sources={${sources%, }}"
for seed in 1 2; do run tree tpsa_mse $seed; run direct tpsa_mse $seed; done
run sequential ratio_l1 0
for loss in tpsa_l1 tpsa_mask_l1 magnitude_mse; do run direct $loss 0; run tree $loss 0; done

stemtree mean-mask --corpus "$data/freedoom" --kind slakh --hierarchy ms21 --root accompaniment --sample 300 -o "$out/mean.safetensors"
for name in mixture oracle:irm oracle:psa "mean:$out/mean.safetensors"; do
  stemtree evaluate "$name" "${test_songs[@]}" -o "$out/${name%%:/*}.parquet" >"$out/${name%%:/*}.txt"
done
python "$here/table.py" "$out" >"$out/heads.md"
