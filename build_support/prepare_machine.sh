#!/bin/sh
# What pip cannot bring: a fitting Python, a compiler, and the shared libraries OpenCV loads.
# usage: prepare_machine.sh PYTHON
set -eu
python=$1

say() { echo "hand4whole_ros: $*" >&2; }

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || {
    say "no Python found as '$python'. Install Python 3.11, or name yours: make PYTHON=/path/to/python3"
    exit 1
}
case $version in
    3.10 | 3.11 | 3.12 | 3.13 | 3.14) ;;
    *) say "needs Python 3.10 to 3.14, found $version as '$python'. Name another: make PYTHON=python3.11"
       exit 1 ;;
esac

missing=
loads() { "$python" -c "import ctypes; ctypes.CDLL('$1')" 2>/dev/null; }
loads libGL.so.1 || missing="$missing libgl1"
loads libglib-2.0.so.0 || missing="$missing libglib2.0-0"
command -v c++ >/dev/null || command -v g++ >/dev/null || missing="$missing g++"
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python$version-venv"
"$python" -c 'import pathlib, sys, sysconfig
sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").is_file())' || missing="$missing python$version-dev"

[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing$missing with apt-get"
    # shellcheck disable=SC2086
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing; } \
        >/tmp/hand4whole_apt.log 2>&1 && exit 0
    say "apt-get could not install$missing; see /tmp/hand4whole_apt.log"
    exit 1
fi
say "this machine lacks$missing. Run: sudo apt-get install$missing"
exit 1
