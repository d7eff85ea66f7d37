#!/bin/sh
# Makes the environments of the outside judges, each once for each version of its requirements. What cannot be
# made is said in one line: the tests that need it skip with the reason, and passports say "not checked".
set -u
cd "$(dirname "$0")"

make_judge() {
    name=$1 size=$2
    wanted=$(cat "requirements-$name.txt" judges.sh | cksum)
    if [ -x ".venv-$name/bin/python" ] && [ "$(cat ".venv-$name/requirements" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    echo "setting up .venv-$name ($size)"
    if .venv/bin/python -m venv ".venv-$name" \
        && ".venv-$name/bin/python" -m pip install --quiet --disable-pip-version-check -r "requirements-$name.txt" \
            2>".venv-$name/errors.txt"; then
        echo "$wanted" > ".venv-$name/requirements"
    else
        echo "note: no judge from requirements-$name.txt: $(tail -n 1 ".venv-$name/errors.txt"); make judges tries again"
    fi
}

make_judge oldest "110 MB"
make_judge mediapipe "650 MB"
