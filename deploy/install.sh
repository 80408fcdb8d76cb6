#!/bin/sh
# Makes the virtual environment $1 and installs the wheel $2 in it, with every dependency from
# requirements.lock: a file whose hash is not listed there is refused.
set -eu

venv=${1:?usage: install.sh FOLDER WHEEL}
wheel=${2:?usage: install.sh FOLDER WHEEL}
lock=$(dirname "$0")/requirements.lock

"${PYTHON:-python3}" -m venv "$venv"
python=$(readlink -f "$venv/bin/python3")
case $python:$(readlink -f "$venv") in
    "$HOME"/*:"$HOME"/*) ;;
    "$HOME"/*:*)
        echo "warning: $python is in your home: another user cannot start it." \
            "Name another one: PYTHON=/usr/bin/python3 $0 …" >&2 ;;
esac
"$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r "$lock"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "$wheel"
"$venv/bin/clearpost" version
