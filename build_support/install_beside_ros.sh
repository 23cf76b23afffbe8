#!/bin/sh
# Libraries for a machine with ROS 2: into a virtual environment that sees the system's packages, since pip refuses
# to install into the Python of Debian 12, Ubuntu 24.04 and later.
# usage: install_beside_ros.sh [--yes] [FOLDER]      without --yes it only prints what it would run
set -eu
cd "$(dirname "$0")/.."

say() { echo "hand4whole_ros: $*" >&2; }

yes=
folder=.venv_ros
for argument in "$@"; do
    case $argument in
        --yes) yes=1 ;;
        -h | --help) sed -n '2,4s/^# //p' "$0"; exit 0 ;;
        -*) say "unknown option $argument; usage: install_beside_ros.sh [--yes] [FOLDER]"; exit 2 ;;
        *) folder=$argument ;;
    esac
done
[ -n "${ROS_DISTRO:-}" ] || {
    say 'no ROS is sourced. Run: source /opt/ros/DISTRIBUTION/setup.bash; or install without ROS: make install'
    exit 2
}
python3 -c 'import rclpy' 2>/dev/null || {
    say "python3 is $(command -v python3), which cannot import rclpy of ROS $ROS_DISTRO. Run this with the system's Python"
    exit 2
}

step() {
    echo "$*"
    [ -z "$yes" ] || "$@"
}

# colcon would take packages inside of the environment for its own.
step python3 -m venv --system-site-packages "$folder"
step touch "$folder/COLCON_IGNORE"
step "$folder/bin/pip" --disable-pip-version-check -q install -r requirements-open.txt
if [ -n "$yes" ]; then
    say "done. Now: source $folder/bin/activate; colcon build --packages-select hand4whole_ros; source install/setup.bash"
else
    say "nothing was done. To run these commands: build_support/install_beside_ros.sh --yes $folder"
fi
