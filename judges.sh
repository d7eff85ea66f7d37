#!/bin/sh
# Makes the environments of the outside judges, each once for each version of its requirements. What cannot be
# made is said in one line, which is kept: the tests that need it skip with that reason, and passports give it.
set -u
cd "$(dirname "$0")"

# tflite-runtime has wheels up to Python 3.11 only: its environment may have another Python than .venv.
python_for() {
    [ "$1" = oldest ] || { echo .venv/bin/python; return; }
    for candidate in .venv/bin/python python3.11; do
        if "$candidate" -c 'import ensurepip, sys; assert sys.version_info < (3, 12)' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "tflite-runtime has no wheel for a Python above 3.11, and there is no python3.11 with venv" >&2
    return 1
}

make_environment() {
    [ "$1" != arm ] || { sh judges/arm.sh; return; }
    "$2" -m venv --clear ".venv-$1" \
        && ".venv-$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "requirements-$1.txt"
}

# MediaPipe's library is linked with the system's graphics, although it classifies without them.
have_graphics() {
    .venv/bin/python -c 'import ctypes; [ctypes.CDLL(n) for n in ("libEGL.so.1", "libGLESv2.so.2")]' 2>/dev/null
}

graphics_for() {
    [ "$1" != mediapipe ] || [ "$(uname -s)" != Linux ] || have_graphics && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends libegl1 libgles2 >/dev/null
    else
        echo "install what it links with: sudo apt-get install libegl1 libgles2"
        return 1
    fi
}

make_judge() {
    name=$1 size=$2
    wanted=$(cat "requirements-$name.txt" $3 | cksum)
    if [ -x ".venv-$name/bin/python" ] && [ "$(cat ".venv-$name/requirements" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    rm -f ".venv-$name/requirements" ".venv-$name/missing"
    if words=$(python_for "$name" 2>&1) && python=$words \
        && echo "setting up .venv-$name ($size)" \
        && words=$(make_environment "$name" "$python" 2>&1 && graphics_for "$name" 2>&1); then
        echo "$wanted" > ".venv-$name/requirements"
    else
        why=$(echo "$words" | grep . | tail -n 1)
        mkdir -p ".venv-$name" && echo "$why" > ".venv-$name/missing"
        echo "note: no judge from requirements-$name.txt: $why; make judges tries again"
    fi
}

make_judge oldest "110 MB" judges.sh
make_judge mediapipe "650 MB" judges.sh
make_judge arm "110 MB" "judges/arm.sh judges/bionic.c"

# Android's own reader of an app's code, where apt has it.
if ! command -v dexdump >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends dexdump >/dev/null 2>&1
    fi
    command -v dexdump >/dev/null || echo "note: no judge of the app's code: sudo apt-get install dexdump"
fi
