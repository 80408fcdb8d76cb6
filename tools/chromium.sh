#!/bin/sh
# Makes sure that the browser tests find a Chromium: the system's, else Debian's package where that is allowed.
# The headless shell is the first choice: it has no windows, and takes half the processor time of a whole browser.
set -eu

for name in chromium-headless-shell chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then exit 0; fi
done

install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$1" >/dev/null; }

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Debian's chromium for the browser tests" >&2
    if apt-get update -qq && { install chromium-headless-shell || install chromium; }; then
        exit 0
    fi
fi

echo "!!! NO CHROMIUM HERE, AND NO RIGHT TO INSTALL ONE: THE BROWSER TESTS ARE LEFT OUT !!!" >&2
