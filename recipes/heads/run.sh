#!/usr/bin/env bash
# Compares mask relations and losses at equal numbers of steps: trains one small network for each, evaluates it on songs
# and a soundfont that are not in the training data, and writes OUT/heads.md. Each run takes about seven minutes in one
# thread. Finished runs are kept when it is run again.
#   recipes/heads/run.sh DATA OUT    where DATA was made by: recipes/corpora.sh FREEDOOM DATA --rate 16000 --mono
set -euo pipefail
data=$1 out=$2
here=$(dirname "$0")
export OMP_NUM_THREADS=1
test_songs=(--corpus "$data/openmsx" --kind slakh --hierarchy ms21 --root accompaniment --sample 120 --no-bss --absent)
mkdir -p "$out"
out=$(cd "$out" && pwd) # the names of rows are cut off at it
stemtree corpus index "$data/freedoom" --kind slakh --hierarchy ms21 --duration 4 --hop 2 -o "$out/index.parquet"

run() {  # relation, loss, seed, more options of stemtree train
  local name=$1-$2-$3
  stemtree train tree "$here/heads.yaml" -o "$out/$name" \
    --set "train=[{root: $data/freedoom, split: train, index: $out/index.parquet}]" \
    --set "validation=[{root: $data/freedoom, split: validation, index: $out/index.parquet}]" \
    --set relation.kind="$1" --set loss="$2" --set seed="$3" "${@:4}"
  stemtree evaluate "$out/$name" "${test_songs[@]}" -o "$out/$name.parquet" >"$out/$name.txt"
}
for relation in tree direct constrained sequential; do run $relation tpsa_mse 0; done
# Masks of instruments are applied to their family (sequential); those of families and of parts of percussion to the mixture.
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
