#!/bin/sh
# Makes the virtual environment $1 and installs Clearpost into it, editable; with `dev` as $2 also the
# tools of the tests, which are larger than the product.
set -eu

venv=${1:?usage: setup.sh FOLDER [dev]}
extra=${2:+[$2]}

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

# The distribution's own Python first: it is built with profile-guided optimisation, which a Python
# that was compiled on this machine mostly is not, and that one takes a fifth more time for everything.
found=
for name in ${PYTHON:-/usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11}; do
    if fits "$name"; then found="$found $name"; fi
done
if [ -z "$found" ]; then
    echo "Clearpost needs Python 3.11 to 3.14; set PYTHON=/path/to/it if it has another name." >&2
    exit 3
fi

made() {
    for python in $found; do
        if "$python" -m venv "$venv" 2>/dev/null; then
            echo "Made $venv with $("$python" --version) ($python)" >&2
            return 0
        fi
        rm -rf "$venv"
    done
    return 1
}

if [ ! -x "$venv/bin/pip" ] && ! made; then
    # Debian ships Python without the part that makes environments.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
    fi
    made || "${found##* }" -m venv "$venv"  # which says why
fi
# Twice quiet: what an index of this machine is warned about says nothing to who wants a demo.
"$venv/bin/pip" install --quiet --quiet --disable-pip-version-check -c constraints.txt -e ".$extra"
