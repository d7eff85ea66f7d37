from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.core import runs, stages
from tests.support import verbs
from tests.support.verbs import RUN, call, sets, verb, watched

HELP = {
    ("pipeline",): ("draw", "collect", "train", "evaluate", "compare", "python -m export --help"),
    ("pipeline", "draw"): ("Writes FOLDER/{train,test}/CHANNEL/*.jpg", "already exist"),
    ("pipeline", "collect"): (
        "Reads the channels' lists",
        "manifest.jsonl",
        "--retry",
        "--set",
    ),
    ("pipeline", "train"): (
        "Reads the pictures",
        "Writes data/runs/NAME",
        "model.keras",
        "--set",
        "--resplit",
    ),
    ("pipeline", "search"): (
        *("Reads the pictures", "Writes data/runs/NAME", "frontier.json", "code 3", "--max-latency-ms"),
        *("--max-size-mb", "--max-minutes", "--preset"),
    ),
    ("pipeline", "evaluate"): ("Reads a trained run", "Writes", "evaluation.json", "predictions/keras.npz"),
    ("pipeline", "compare"): ("Reads each run's out-of-fold predictions", "Writes nothing"),
    ("export",): ("tflite", "parity", "compare-models", "passport", "verify", "apk"),
    ("export", "tflite"): (
        *("Reads a trained run", "Writes", "model_FLAVOUR.tflite", "calibration.json", "parity.json"),
        *("flips.png", "second look", "code 3"),
    ),
    ("export", "verify"): ("Reads a bundle", "every bundle of a run", "Writes nothing", "code 3"),
    ("export", "apk"): (
        *("Needs an exported run, a JDK (17 or later)", "Writes demo.apk", "apk.json", "code 3"),
        *("--assets-only", "--fetch", "--keystore", "VIGNETTE_KEYSTORE_PASSWORD", "--runtime"),
        "--flavour",
    ),
    ("export", "web"): ("Needs an exported run", "LiteRT.js", "Writes try.html", "--flavour", "--fetch"),
    ("export", "passport"): ("Reads one file", "time and memory limits", "passport.json", "code 3"),
    ("export", "parity"): ("Reads an exported run", "Writes", "parity.json", "code 3"),
    ("export", "compare-models"): (
        *("Reads two models and the pictures", "Writes to --out only", "code 3"),
        *("--reference", "--target", "--pictures", "--flavour", "--range", "--labels", "--fit", "--out"),
    ),
}
HEAVY = ("tensorflow", "keras")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A working directory with a finished run."""
    place = verbs.copy_finished(tmp_path_factory, tmp_path_factory.mktemp("place"))
    verbs.shutil.copytree(place / RUN, place / runs.RUNS / "second")
    (place / RUN / stages.CONFIG).touch()  # a copy keeps the time of the original
    return place


def unwrapped(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("words", sorted(HELP), ids=" ".join)
def test_help_says_what_a_verb_reads_and_writes_and_loads_no_tensorflow(tmp_path, words):
    ended, modules = watched(*words, "--help", cwd=tmp_path)
    said = unwrapped(verbs.fine(ended))
    for part in HELP[words]:
        assert part in said
    if len(words) == 2:
        for option in ("--quiet", "--json"):
            assert option in said
    assert not modules & {*HEAVY, "numpy"}
    # The command-line library itself loads it for the help of one verb.
    assert len(words) == 2 or "pydantic" not in modules
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("program", ["pipeline", "export"])
def test_no_line_of_the_help_is_cut_off_on_a_narrow_terminal(tmp_path, program):
    env = {**verbs.environment(), "COLUMNS": "80"}
    said = verbs.fine(verb(program, "--help", cwd=tmp_path, env=env))
    _, found, commands = said.partition("Commands:")
    assert found
    assert "..." not in commands


def test_what_is_refused_before_anything_is_made_leaves_no_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    assert verb("pipeline", "train", "empty", cwd=tmp_path).returncode == 2
    assert list((tmp_path / runs.RUNS).iterdir()) == []


def test_a_text_file_is_no_source_of_pictures(tmp_path):
    (tmp_path / "README.md").write_text("# read me")
    verbs.refused(
        verb("pipeline", "train", "README.md", cwd=tmp_path),
        2,
        "README.md is neither a configuration (.toml) nor a table (.csv, .parquet)",
        "give a configuration (.toml), a folder with a folder per class, or a table (.csv, .parquet)",
    )


def test_a_command_line_without_a_verb_shows_its_help(tmp_path):
    ended = verb("pipeline", cwd=tmp_path)
    assert ended.returncode == 2
    assert "Commands:" in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("pipeline", "paint"),
        ("pipeline", "train"),
        ("pipeline", "evaluate", "--fast"),
        ("pipeline", "draw", "x", "--train", "many"),
    ],
    ids=" ".join,
)
def test_wrong_words_end_with_2_and_show_how_to_get_help(tmp_path, words):
    ended = verb(*words, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "--help" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_every_verb_that_is_about_one_run_takes_it_by_the_same_option():
    from typer.main import get_command

    from export.__main__ import RENAMED
    from export.vignette import app

    commands = {name: verb for name, verb in get_command(app).commands.items() if name not in RENAMED}
    without = {
        name
        for name, command in commands.items()
        if "--run" not in {o for p in command.params for o in p.opts}
    }
    assert without == {"draw", "collect", "compare", "compare-models"}


@pytest.mark.parametrize("words", [("second",), ("--run", "second"), ("data/runs/second",)], ids=" ".join)
def test_a_run_is_repeated_by_its_name(place, capfd, words):
    before = verbs.stamps(place / runs.RUNS / "second")
    assert (
        json.loads(verbs.fine(call(capfd, "pipeline", "train", *words, "--json", cwd=place)))["run"]
        == "second"
    )
    assert verbs.stamps(place / runs.RUNS / "second") == before
    said = verbs.fine(call(capfd, "pipeline", "audit", *words, cwd=place))
    assert said.endswith("\nnext: python -m pipeline train --run second\n")
    assert {path.name for path in (place / runs.RUNS).iterdir()} == {"pictures", "second"}


def test_the_audit_under_another_name_names_it_in_what_comes_next(tmp_path, capfd):
    verbs.draw_pictures(tmp_path / "pictures", 10)
    said = verbs.fine(call(capfd, "pipeline", "audit", "pictures", "--name", "other", cwd=tmp_path))
    assert said.endswith("\nnext: python -m pipeline train pictures --name other\n")


@pytest.mark.parametrize(
    "program", ["pipeline train", "pipeline evaluate", "export tflite", "export passport"]
)
def test_an_argument_and_another_run_are_too_much(place, capfd, program):
    ended = call(capfd, *program.split(), "pictures", "--run", "second", cwd=place)
    verbs.refused(ended, 2, "pictures and --run second are both given", "omit one of them")


def test_neither_pictures_nor_a_run_is_too_little(tmp_path, capfd):
    ended = call(capfd, "pipeline", "train", cwd=tmp_path)
    hint = "give a folder, a configuration or a table, or --run NAME to repeat a run; see --help"
    verbs.refused(ended, 2, "no pictures and no run given", hint)


@pytest.mark.parametrize(
    "words",
    [
        ("pipeline", "evaluate", ""),
        ("pipeline", "evaluate", "--run", ""),
        ("pipeline", "train", "--run", ""),
        ("export", "predict", "--run", "", "pictures"),
    ],
    ids=" ".join,
)
def test_a_run_without_a_name_is_not_the_newest(place, capfd, words):
    verbs.refused(call(capfd, *words, cwd=place), 2, "the run's name is empty", "runs here: pictures, second")


def test_an_empty_name_and_an_empty_preset_are_refused(place, capfd):
    ended = call(capfd, "pipeline", "train", "pictures", "--name", "", cwd=place)
    verbs.refused(ended, 2, "--name : a run's name must be a single folder name", "for example --name first")
    ended = call(capfd, "pipeline", "train", "pictures", "--preset", "", cwd=place)
    assert "train.preset: expected 'fast', 'balanced' or 'best'. Received: \"\"" in ended.stderr
    assert ended.returncode == 2


def test_a_run_that_is_not_there_is_wrong_use(place, capfd):
    ended = call(capfd, "pipeline", "train", "--run", "third", cwd=place)
    verbs.refused(ended, 2, "no run called third in data/runs", "runs here: pictures, second")


UP_TO_DATE = {
    "train": ("pipeline", "train", "pictures", *sets()),
    "evaluate": ("pipeline", "evaluate", "pictures"),
    "compare": ("pipeline", "compare", "pictures", "second"),
    "tflite": ("export", "tflite", "pictures"),
    "parity": ("export", "parity", "pictures"),
    "verify": ("export", "verify", "pictures"),
    "draw": ("pipeline", "draw", "drawn", "--train", "2", "--test", "1", "--size", "64x36"),
}
PARITY_KEYS = {
    *("run", "n", "groups", "labels", "gate", "threshold", "reference", "targets", "verdict", "passed"),
}
KEYS = {
    "train": {"run", "out_of_fold", "training"},
    "evaluate": {
        "run",
        "labels",
        "train",
        "out_of_fold",
        "held_out",
        "without_leaked",
        "threshold",
        "gaps",
        "as_decided",
    },
    "compare": {"ranked_by", "rows", "configuration"},
    "tflite": PARITY_KEYS,
    "parity": PARITY_KEYS,
    "verify": {"passed", "bundles"},
    "draw": {"pictures", "folder"},
}


@pytest.mark.parametrize("name", sorted(UP_TO_DATE))
def test_json_is_one_document_and_what_is_up_to_date_needs_no_tensorflow(place, name):
    before = verbs.stamps(place / RUN)
    ended, modules = watched(*UP_TO_DATE[name], "--json", cwd=place)
    document = json.loads(verbs.fine(ended))
    assert document.keys() == KEYS[name] | {"warnings", "files"}
    for file in document["files"]:
        assert (place / file).is_file()
    assert not modules & set(HEAVY)
    assert verbs.stamps(place / RUN) == before


@pytest.mark.parametrize("name", sorted(UP_TO_DATE))
def test_quiet_prints_nothing(place, capfd, name):
    ended = call(capfd, *UP_TO_DATE[name], "--quiet", cwd=place)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_parity_of_flavours_alone_needs_no_tensorflow(place):
    """Answers of a .tflite come from LiteRT; those of Keras are kept."""
    (place / RUN / "predictions" / "int8.npz").unlink()
    (place / RUN / "export" / "latency.json").unlink()
    ended, modules = watched("export", "parity", "pictures", cwd=place)
    verbs.fine(ended)
    assert not modules & set(HEAVY)
    assert "ai_edge_litert" in modules


@pytest.mark.slow
def test_figures_are_redrawn_without_tensorflow(place):
    (place / RUN / "figures" / "curves.svg").unlink()
    (place / RUN / "figures" / "samples.png").unlink()
    ended, modules = watched(*UP_TO_DATE["train"], cwd=place)
    verbs.fine(ended)
    assert not modules & set(HEAVY)


def test_results_are_told_in_words_and_tables(place, capfd):
    said = verbs.fine(call(capfd, "pipeline", "evaluate", "pictures", cwd=place))
    evaluation = runs.Run(place / RUN).read_json(stages.EVALUATION)
    held_out = evaluation["held_out"]
    rows = {line.split("  ")[0]: line.split() for line in said.splitlines()}
    assert rows["held out"][2:4] == ["36", f"{held_out['accuracy']:.3f}"]
    for row in held_out["classes"]:
        assert rows[row["label"]][1:3] == ["12", f"{row['recall']:.3f}"]
    for sentence in evaluation["gaps"]:
        assert sentence in said
    epoch = evaluation["out_of_fold"]["chosen_epoch"]
    assert (
        f"The out-of-fold score is that at epoch {epoch}, which was selected on the same predictions." in said
    )
    assert f"open  {RUN}/figures/confusion.svg" in said
    assert said.endswith("next: python -m export tflite pictures\n")


def test_the_comparison_of_five_models_is_one_table(place, capfd):
    said = verbs.fine(call(capfd, "export", "parity", "pictures", cwd=place))
    assert "pictures: Keras against .tflite on 36 held-out pictures" in said
    table = said.split("int8 by class")[0]
    first = [line.split()[0] for line in table.splitlines() if line.strip()]
    for model in ("keras", "float32", "float16", "dynamic_range", "int8"):
        assert first.count(model) == 1
    assert "Times: this machine, 2 threads, XNNPACK, one picture." in said


def test_verbs_take_the_newest_run(place, capfd):
    said = json.loads(verbs.fine(call(capfd, "pipeline", "evaluate", "--json", cwd=place)))
    newest = max((place / runs.RUNS).glob("*/config.toml"), key=lambda path: path.stat().st_mtime)
    assert said["run"] == newest.parent.name


def test_a_folder_alone_is_enough_and_the_defaults_are_named(place, capfd):
    said = verbs.fine(call(capfd, *UP_TO_DATE["train"], cwd=place))
    assert "     defaults  no configuration given; a run's config.toml has the full one\n" in said


def test_a_gate_that_says_no_ends_with_3_and_still_gives_the_document(tmp_path_factory, tmp_path, capfd):
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    strict = [*sets(), "--set", "gate.max_mean_abs_dp=0"]
    verbs.fine(call(capfd, "pipeline", "train", "pictures", *strict, "--overwrite", cwd=place))
    ended = verb("export", "parity", "pictures", "--json", cwd=place)
    assert ended.returncode == 3
    document = json.loads(ended.stdout)
    assert document["passed"] is False
    message, hint = ended.stderr.splitlines()
    assert message.startswith("error: failed the gate: ")
    assert "int8: mean_abs_dp is 0.0" in message
    assert message.endswith(", must be <= 0 (n = 36)")
    assert hint == "hint: python -m export tflite pictures tries other calibration pictures, once"


def test_compare_needs_two_runs(place, capfd):
    for names in (["pictures"], ["pictures", "pictures"], ["pictures", str(RUN)]):
        ended = call(capfd, "pipeline", "compare", *names, cwd=place)
        message = "compare needs two different runs"
        verbs.refused(ended, 2, message, "python -m pipeline compare RUN RUN")


@pytest.mark.parametrize("size", ["1280", "1280*720", "big", "0x0"])
def test_a_size_that_is_none_is_refused(tmp_path, capfd, size):
    ended = call(capfd, "pipeline", "draw", "here", "--size", size, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ")
    assert size in ended.stderr
    assert not (tmp_path / "here").exists()
