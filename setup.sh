#!/bin/sh
# Makes .venv with Python 3.11 and installs everything, once for each version of the requirements; then
# fetches what builds and tests the Android app, where a JDK and Maven are there.
set -eu
cd "$(dirname "$0")"

case "$(uname -s)" in
    Linux | Darwin) ;;
    *) echo "error: Vignette runs on Linux, on Windows through WSL, and as far as it works on macOS" >&2; exit 2 ;;
esac

find_python() {
    for candidate in "${VIGNETTE_PYTHON:-python3.11}" python3 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

can_apt() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

apt_install() {
    if can_apt; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    else
        echo "error: $* is missing; install it: sudo apt-get install $*" >&2
        return 1
    fi
}

set_up_python() {
    wanted=$(cat requirements.txt pyproject.toml setup.sh | cksum)
    if [ -x .venv/bin/python ] && [ "$(cat .venv/requirements 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    python=$(find_python)
    if [ -z "$python" ]; then
        apt_install python3.11 python3.11-venv \
            || { echo "error: Python 3.11 is needed; set VIGNETTE_PYTHON to one" >&2; exit 2; }
        python=$(find_python)
    fi
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        apt_install python3.11-venv || exit 2
    fi
    echo "setting up .venv (3.2 GB, a minute or two)"
    "$python" -m venv .venv
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
    command -v javac >/dev/null || [ -x "${JAVA_HOME:-}/bin/javac" ] || printf 'openjdk-17-jdk-headless '
    command -v mvn >/dev/null || printf 'maven '
    command -v gcc >/dev/null || printf 'gcc libc6-dev '
}

# adb measures on a phone; its tests use it, too.
set_up_adb() {
    if command -v adb >/dev/null || [ -x "${ANDROID_HOME:-}/platform-tools/adb" ]; then
        return
    fi
    if can_apt; then
        echo "installing adb (for phones)"
        apt_install adb >/dev/null || true
    fi
    command -v adb >/dev/null || echo "note: no benchmark on a phone without adb: sudo apt-get install adb"
}

# The report is tested in a real browser.
set_up_browser() {
    if command -v chromium >/dev/null; then
        return
    fi
    if can_apt; then
        echo "installing chromium (the report is tested in it)"
        apt_install chromium >/dev/null || true
    fi
    command -v chromium >/dev/null || echo "note: the report's page is not tested without chromium: sudo apt-get install chromium"
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
        apt_install $packages >/dev/null || true
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

set_up_python
set_up_adb
set_up_browser
set_up_app
