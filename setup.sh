#!/bin/sh
# Makes .venv with python3 if that is 3.11 to 3.13, else with the newest Python that is, and installs everything, once for
# each version of the requirements; then fetches what builds and tests the Android app, given a JDK (17 or later) and Maven.
set -eu
cd "$(dirname "$0")"

case "$(uname -s)" in
    Linux | Darwin) ;;
    *) echo "error: Vignette runs on Linux, on Windows through WSL and, untested, on macOS" >&2; exit 2 ;;
esac

# As requires-python in pyproject.toml.
FITS='import sys; assert (3, 11) <= sys.version_info < (3, 14)'

# The first that can make environments; else the first, whose python3.X-venv is missing.
find_python() {
    for module in ensurepip sys; do
        for candidate in ${VIGNETTE_PYTHON:+"$VIGNETTE_PYTHON"} python3 python3.13 python3.12 python3.11; do
            if "$candidate" -c "$FITS; import $module" 2>/dev/null; then
                echo "$candidate"
                return
            fi
        done
    done
}

can_apt() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

apt_install() {
    if can_apt; then
        apt-get update -qq \
            && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    else
        echo "error: $* is missing; install it: sudo apt-get install $*" >&2
        return 1
    fi
}

make_venv() {
    if ! command -v python3 >/dev/null && [ -z "$(find_python)" ]; then
        apt_install python3 python3-venv || exit 2
    fi
    python=$(find_python)
    if [ -z "$python" ]; then
        echo "error: Python 3.11, 3.12 or 3.13 is needed; install one and set VIGNETTE_PYTHON to it" >&2
        exit 2
    fi
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        apt_install "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" || exit 2
    fi
    "$python" -m venv --clear .venv
}

set_up_python() {
    wanted=$(cat requirements.txt pyproject.toml setup.sh | cksum)
    if [ -x .venv/bin/python ] && [ "$(cat .venv/requirements 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    echo "setting up .venv (3.5 GB, a minute or two)"
    if ! .venv/bin/python -c "$FITS; import pip" 2>/dev/null; then
        make_venv
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt --group dev
    # The command vignette, a link to this checkout.
    # setuptools warns of every editable installation.
    PYTHONWARNINGS=ignore \
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
    echo "$wanted" > .venv/requirements
}

# Packages of what is missing for the app and its tests; gcc builds the native half of the tests' runtime.
missing_packages() {
    command -v javac >/dev/null || [ -x "${JAVA_HOME:-}/bin/javac" ] || printf 'default-jdk-headless '
    command -v mvn >/dev/null || printf 'maven '
    command -v gcc >/dev/null || printf 'gcc libc6-dev '
}

# What is useful but not needed. What apt-get does not know is asked for once: Ubuntu has Chromium only as a snap.
set_up_extra() {
    program=$1 purpose=$2 lost=$3
    if command -v "$program" >/dev/null; then
        return
    fi
    if can_apt && [ ! -e ".venv/no-$program" ]; then
        echo "installing $program ($purpose)"
        apt_install "$program" 2>/dev/null || apt-cache show "$program" >/dev/null 2>&1 \
            || touch ".venv/no-$program"
    fi
    if [ -e ".venv/no-$program" ]; then
        echo "note: $lost without $program, which apt-get cannot install here"
    elif ! command -v "$program" >/dev/null; then
        echo "note: $lost without $program: sudo apt-get install $program"
    fi
}

# The app is no reason to refuse everything else: what is missing is said in one line.
set_up_app() {
    wanted=$(cat android_demo/versions.properties android_demo/jvm/pom.xml export/android/apk/*.py setup.sh | cksum)
    if [ "$(cat .venv/app 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    packages=$(missing_packages)
    if [ -n "$packages" ] && can_apt; then
        echo "installing $packages(for the Android app)"
        # shellcheck disable=SC2086  (several words on purpose)
        apt_install $packages || true
        packages=$(missing_packages)
    fi
    if [ -n "$packages" ]; then
        echo "note: no Android app without ${packages% }: sudo apt-get install ${packages% }, then make setup"
        return
    fi
    echo "fetching what the Android app needs into Maven's repository (0.5 GB, a minute or two)"
    if .venv/bin/python -m export apk --fetch --quiet && .venv/bin/python android_demo/jvm/run.py --fetch; then
        echo "$wanted" > .venv/app
    else
        echo "note: no Android app yet, for the reason above; make setup tries again"
    fi
}

# The page in which a browser runs the model: its runtime comes from npm, which is no reason to refuse everything else.
set_up_page() {
    wanted=$(cksum < export/web/litert_js.py)
    if [ "$(cat data/cache/web/fetched 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    if .venv/bin/python -m export web --fetch --quiet; then
        echo "$wanted" > data/cache/web/fetched
    else
        echo "note: no try.html, for the reason above; make setup tries again"
    fi
}

set_up_python
set_up_page
if [ ! -x "${ANDROID_HOME:-}/platform-tools/adb" ]; then
    set_up_extra adb "for phones" "no benchmark on a phone"
fi
set_up_extra chromium "the pages are tested in it" "report.html and try.html are not tested"
set_up_app
