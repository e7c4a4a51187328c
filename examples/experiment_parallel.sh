#!/usr/bin/env bash
# Three shards of one experiment by GNU parallel (`apt-get install parallel`), each with a folder of its own as on three machines, then
# merged; and the same experiment as one process. Their tables and pictures must have the same bytes.
#
#     examples/experiment_parallel.sh [FOLDER [ARGUMENTS OF THE EXAMPLE...]]
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-runs/parallel}
shift || true
arguments=("${@:---algorithms=recommended,recommended-td3}")
profile=${ACTOR_CRITIC_PROFILE:-release}
cargo build --profile "$profile" --example experiment
example=${CARGO_TARGET_DIR:-target}/${profile/dev/debug}/examples/experiment

"$example" "${arguments[@]}" --out "$out/whole"
parallel --jobs 2 --halt soon,fail=1 "$example" "${arguments[@]@Q}" --shard {}/3 --out "$out/shard-{}" ::: 0 1 2
"$example" --merge "$out"/shard-{0,1,2} --out "$out/merged"

for file in "$out"/merged/*; do
    cmp "$file" "$out/whole/$(basename "$file")"
done
echo "$(ls "$out/merged" | wc -l) files of three shards equal those of the whole"
