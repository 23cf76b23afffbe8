#!/bin/sh
# Everything that wants a GPU, in one call and under eight minutes: parity at full size, every network's forward beside a
# plain eager one, memory, and 200 steps of training. From a bare checkout; nothing is built and no network is used.
#
#   scripts/gpu_check.sh [--device cuda|cuda:N|cpu] [--output FOLDER] [--wheels FOLDER]
#
# Needs Python 3.10 or newer with torch and numpy, and smplx, roma, scipy, tqdm, threadpoolctl, opencv: what of these is
# missing is installed from the wheels in --wheels, into a folder that is removed at the end. Writes parity.json,
# figures.json and tables.md to --output. On the processor (--device cpu) networks are tiny, to see that all of it runs.
# Exit code: 0 done, 1 something failed, 2 wrong arguments.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
device=cuda output=gpu_check wheels=
while [ $# -gt 0 ]; do
    case "$1 ${2-}" in
        --device\ ?*) device=$2 ;;
        --output\ ?*) output=$2 ;;
        --wheels\ ?*) wheels=$2 ;;
        *) echo "gpu_check: $1: expected --device, --output or --wheels, and a value" >&2; exit 2 ;;
    esac
    shift 2
done
python=${PYTHON:-python3}
PYTHONPATH="$root:$root/test${PYTHONPATH:+:$PYTHONPATH}"
if [ -n "$wheels" ]; then
    site=$(mktemp -d) || exit 1
    trap 'rm -rf "$site"' EXIT
    "$python" -m pip install -q --no-index --no-deps --no-cache-dir --target "$site" "$wheels"/*.whl || exit 1
    PYTHONPATH="$PYTHONPATH:$site"
fi
export PYTHONPATH
mkdir -p "$output" || exit 2
missing=$("$python" - <<'END'
import importlib.util
names = ('torch', 'numpy', 'smplx', 'roma', 'scipy', 'tqdm', 'threadpoolctl', 'cv2')
print(' '.join(name for name in names if importlib.util.find_spec(name) is None))
END
) || exit 2
if [ -n "$missing" ]; then
    echo "gpu_check: $python lacks $missing; put their wheels into a folder and name it with --wheels" >&2
    exit 2
fi
failed=0
case $device in
    cpu) echo 'parity at full size is left to pytest -m parity_full on a processor' > "$output/tables.md" ;;
    *) "$python" -m parity.device_parity --device "$device" --json "$output/parity.json" > "$output/tables.md" || failed=$? ;;
esac
[ $failed -eq 2 ] && exit 2
echo >> "$output/tables.md"
"$python" -m hand4whole_ros.benchmarks.device_check --device "$device" --json "$output/figures.json" \
    >> "$output/tables.md" || failed=$?
cat "$output/tables.md"
exit $failed
