#!/bin/sh
# Makes .venv with Python 3.11 and installs everything, once for each version of the requirements.
set -eu
cd "$(dirname "$0")"

case "$(uname -s)" in
    Linux | Darwin) ;;
    *) echo "error: Vignette runs on Linux, on Windows through WSL, and as far as it works on macOS" >&2; exit 2 ;;
esac

wanted=$(cat requirements.txt pyproject.toml setup.sh | cksum)
if [ -x .venv/bin/python ] && [ "$(cat .venv/requirements 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

find_python() {
    for candidate in "${VIGNETTE_PYTHON:-python3.11}" python3 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

apt_install() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    else
        echo "error: $* is missing; install it: sudo apt-get install $*" >&2
        return 1
    fi
}

python=$(find_python)
if [ -z "$python" ]; then
    apt_install python3.11 python3.11-venv || { echo "error: Python 3.11 is needed; set VIGNETTE_PYTHON to one" >&2; exit 2; }
    python=$(find_python)
fi
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    apt_install python3.11-venv || exit 2
fi

echo "setting up .venv (2.6 GB, a minute or two)"
"$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt --group dev
echo "$wanted" > .venv/requirements
