#!/bin/sh
# The real verbs, one after the other, on drawn pictures. A gate that says no is a result, not a failure.
set -eu
cd "$(dirname "$0")"
python=.venv/bin/python

run() {
    printf '\n$ python -m %s\n' "$*"
    "$python" -m "$@"
}

run pipeline draw data/pictures/demo
run pipeline train configs/demo.toml
run pipeline evaluate demo
status=0
run export tflite demo || status=$?
[ "$status" = 0 ] || [ "$status" = 3 ] || exit "$status"
missing=$("$python" -c 'from export.apk import programs; print(" and ".join(programs.missing_programs()))')
if [ -z "$missing" ]; then
    run export apk demo
    app='data/runs/demo/demo.apk                  the app with this file inside, signed, for an Android phone'
else
    app="(no demo.apk: this machine lacks $missing; sudo apt install openjdk-17-jdk-headless maven)"
fi

cat <<END

Done. Look at
  data/runs/demo/figures/samples.png       what the model sees
  data/runs/demo/figures/curves.svg        how the folds learned
  data/runs/demo/figures/confusion.svg     what it confuses
  data/runs/demo/figures/flips.png         the answers that int8 changed
  data/runs/demo/export/int8/              the file for the phone, with its labels and contract
  $app
Your own pictures, one folder a class: python -m pipeline train FOLDER
END
