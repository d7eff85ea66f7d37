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
missing=$("$python" -c 'from export.android.apk import programs; print(" and ".join(programs.missing_programs()))')
if [ -z "$missing" ]; then
    run export apk demo
    app='data/runs/demo/demo.apk                  the app with this file inside, signed, for an Android phone'
else
    app="(no demo.apk: this machine lacks $missing; sudo apt install default-jdk-headless maven)"
fi


if "$python" -c 'import sys; from export.web.litert_js import ARCHIVE; sys.exit(not ARCHIVE.is_file())'; then
    run export web demo
    page='data/runs/demo/try.html                  the file in a browser: camera, pictures, folders; open it'
else
    page='(no try.html: LiteRT.js was not fetched; make setup says why)'
fi

run export explain --run demo --limit 60
run export report demo

cat <<END

Done. Look at
  data/runs/demo/report.html               everything on one page; open it in a browser
  $page
  data/runs/demo/model_card.md             the same in short, to go with the file
  data/runs/demo/explanations/             where the model and the file look, picture by picture
  data/runs/demo/export/int8/              the file for the phone, with its labels and contract
  $app
Your own pictures, one folder a class: python -m pipeline train FOLDER
END
