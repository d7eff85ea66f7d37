"""What a user reads of an audit, and what training does with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.core import config as configuration
from pipeline.core import documents, files, runs, stages
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import library_version
from pipeline.core.runs import Run
from pipeline.data import changes, dataset, fingerprints, folders, splits, stored_table
from pipeline.data.audit import audit, copy_issues, image_issues
from pipeline.images import decode
from tests.support import verbs
from tests.support.verbs import call, fine, refused, watched

RUN = runs.RUNS / "pictures"


@pytest.fixture
def folder(workplace, make_data_set) -> Path:
    return make_data_set(workplace / "pictures", {"cat": 24, "dog": 24}, size=(96, 72))


def audited(source: Path, *settings: str, strict: bool = True) -> audit.AuditResult:
    run = Run(RUN)
    config = configuration.load(source, settings)
    with run.locked(), fingerprints.open_cache() as cache:
        return audit.make(run, config, ProgressReporter(), cache, strict=strict)


def hint(run: Path) -> str:
    return f"{run / stages.AUDIT} lists the pictures; omit --strict to continue anyway"


def kinds(found: audit.AuditResult) -> dict[str, int]:
    return {entry.kind: entry.count for entry in found.audit.image_issues}


def again(path: Path, copy: Path, quality: int = 80) -> None:
    Image.open(path).convert("RGB").save(copy, quality=quality)


def test_pictures_with_nothing_odd_say_so(folder, capfd):
    out = fine(call(capfd, "pipeline", "audit", "pictures", cwd=folder.parent))
    assert out.startswith("     pictures  48: cat 24, dog 24\n        audit  no issues found\n")
    assert "ALARM" not in out
    assert out.endswith("\nnext: python -m pipeline train pictures\n")
    assert fine(call(capfd, "pipeline", "audit", "pictures", "--strict", "--quiet", cwd=folder.parent)) == ""


def test_copies_stay_together_and_lose_no_picture(folder):
    again(folder / "cat/000.png", folder / "cat/saved.jpg")
    shutil.copy(folder / "dog/003.png", folder / "dog/equal.png")
    found = audited(folder)
    assert kinds(found) == {"equal": 1, "copies": 1}
    assert found.audit.groups == (("cat/000.png", "cat/saved.jpg"), ("dog/003.png", "dog/equal.png"))
    assert len(found.table.pictures) == 50
    (pair,) = found.audit.near_duplicates
    assert (pair.kind, pair.same) == ("near", True)
    split = splits.make(Run(RUN), found.table, configuration.load(folder))
    first, other = (found.table.pictures.at(path) for path in found.audit.groups[0])
    assert split.groups.of(first) == split.groups.of(other)
    folds = dict(zip((p.path for p in split.train), split.folds, strict=True))
    for one, other in found.audit.groups:
        assert folds.get(one, "held out") == folds.get(other, "held out")
    # Opened from its artifacts alone, the run has the same groups.
    loaded = splits.load(Run(RUN), stored_table.load(Run(RUN), folder))
    assert loaded.train_key == split.train_key


def test_grouping_of_near_copies_can_be_turned_off(folder):
    again(folder / "cat/000.png", folder / "cat/saved.jpg")
    again(folder / "cat/001.png", folder / "dog/other.jpg")
    found = audited(folder, "data.group_copies=false")
    assert found.audit.groups == ()
    assert found.audit.contradictions == ()
    assert kinds(found) == {"copies": 2}
    assert len(found.table.pictures) == 50
    assert found.audit.image_issues[0].advice == "they may end up on both sides of the split"


def test_one_picture_under_two_labels_is_left_out_until_it_is_decided(workplace, make_data_set):
    folder = make_data_set(workplace / "pictures", {"cat": 44, "dog": 44}, size=(96, 72))
    again(folder / "cat/000.png", folder / "dog/same.jpg")
    shutil.copy(folder / "dog/003.png", folder / "cat/equal.png")
    found = audited(folder)
    assert kinds(found)["contradictions"] == 2
    assert len(found.table.pictures) == 86
    reasons = {entry.path: entry.reason for entry in found.table.excluded}
    assert reasons["dog/same.jpg"] == (
        "the same picture as cat/000.png, which is labelled cat; decide which is right"
    )
    assert set(reasons) == {"cat/000.png", "dog/same.jpg", "cat/equal.png", "dog/003.png"}
    (folder / "dog/same.jpg").unlink()
    (folder / "cat/equal.png").unlink()
    mended = audited(folder)
    assert len(mended.table.pictures) == 88
    assert mended.table.excluded == ()


def test_more_than_a_twentieth_of_a_class_is_never_left_out_and_two_ways_out_are_told(folder, capfd):
    for number in range(3):
        again(folder / f"cat/{number:03d}.png", folder / f"dog/same{number}.jpg")
    refusal = audited(folder).refusal
    assert refusal is not None
    message = (
        "3 of 24 pictures of class cat are also in another class (more than 5%); "
        f"{RUN}/figures/audit-contradictions.png shows them"
    )
    hint = "move the copies out of the wrong class, or merge the classes that share their pictures"
    assert refusal.message == message
    refused(call(capfd, "pipeline", "train", "pictures", cwd=folder.parent), 2, message, hint)
    assert (folder.parent / RUN / "figures/audit-contradictions.png").is_file()
    assert not (folder.parent / RUN / stages.PICTURES).exists()
    out = fine(call(capfd, "pipeline", "audit", "pictures", cwd=folder.parent))
    assert f"These pictures are not ready for training: {message}\nDo this first: {hint}\n" in out
    for number in range(2):
        (folder / f"dog/same{number}.jpg").unlink()
    assert audited(folder).refusal is None


def shots(root: Path, draw, classes: dict[str, int], *, crack=None, save=None) -> Path:
    """Shots of one thing by a fixed camera: each with noise of its own, and in one class with a crack."""
    scene = draw(320, 240, 7).astype(float)
    for label, count in classes.items():
        (root / label).mkdir(parents=True)
        for number in range(count):
            numbers = np.random.default_rng([len(label), number])
            pixels = scene + numbers.normal(0, 3, scene.shape)
            if label == crack:
                x, y = numbers.integers(40, 280), numbers.integers(40, 180)
                pixels[y : y + 30, x : x + 2] -= 60
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.save(root / label / f"{number:02d}.jpg", **(save or {"quality": 92}))
    return root


@pytest.mark.parametrize("quality", [60, 95])
@pytest.mark.slow
def test_two_shots_by_a_fixed_camera_are_no_contradiction_and_the_set_can_be_split(workplace, draw, quality):
    root = shots(
        workplace / "pictures", draw, {"good": 60, "cracked": 60}, crack="cracked", save={"quality": quality}
    )
    found = audited(root)
    assert len(found.audit.near_duplicates) == 119  # the case: nearly everything is a copy of everything
    assert found.audit.contradictions == ()
    assert found.refusal is None
    assert len(found.table.pictures) == 120
    (series,) = [entry for entry in found.audit.image_issues if entry.kind == "series"]
    assert series.matters
    (near,) = [entry for entry in found.audit.image_issues if entry.kind == "copies"]
    assert near.advice.endswith("; in large series they may end up on both sides of the split")
    assert "a table (.csv) with a column group" in series.advice
    split = splits.make(Run(RUN), found.table, configuration.load(root))
    assert len(split.held_out) == 24
    # A recompressed shot is still bound to the shot that it was made of.
    again(root / "good/05.jpg", root / "good/05 again.jpg", quality=40)
    assert audited(root).audit.groups == (("good/05 again.jpg", "good/05.jpg"),)


def test_shots_without_any_difference_but_noise_are_no_contradiction(workplace, draw):
    root = shots(workplace / "pictures", draw, {"one": 30, "another": 30}, save={"quality": 90})
    found = audited(root)
    assert found.audit.contradictions == ()
    assert len(found.table.pictures) == 60


def test_a_long_burst_of_one_class_is_bound_by_exact_copies_only_and_said(workplace, draw, make_data_set):
    root = make_data_set(workplace / "pictures", {"cat": 50, "dog": 50}, size=(96, 72))
    burst = shots(workplace / "burst", draw, {"x": 8})
    for path in sorted((burst / "x").iterdir())[:5]:
        shutil.copy(path, root / "cat" / f"burst{path.name}")
    assert len(audited(root).audit.groups) == 1  # 5 of 55 stay together
    assert "series" not in kinds(audited(root))
    for path in sorted((burst / "x").iterdir())[5:]:
        shutil.copy(path, root / "cat" / f"burst{path.name}")
    found = audited(root)
    assert found.audit.groups == ()
    assert kinds(found)["series"] == 1


def test_series_whose_groups_are_given_need_no_advice(workplace, draw):
    root = shots(workplace / "pictures", draw, {"good": 30, "cracked": 30}, crack="cracked")
    rows = [
        f"{path.relative_to(workplace).as_posix()},{path.parent.name},{path.parent.name}{int(path.stem) // 5}"
        for path in sorted(root.glob("*/*.jpg"))
    ]
    table = workplace / "table.csv"
    table.write_text("\n".join(["path,label,group", *rows]) + "\n")
    found = audited(table)
    assert "series" not in kinds(found)
    assert len(found.table.pictures) == 60


@pytest.fixture
def films(workplace, draw, make_data_set) -> Path:
    """Two classes, each with three films of six frames, and other pictures."""
    root = make_data_set(workplace / "pictures", {"cat": 30, "dog": 30}, size=(96, 72))
    for number, name in enumerate(("cat/a", "cat/b", "cat/c", "dog/d", "dog/e", "dog/f")):
        scene = draw(96, 72, 500 + number).astype(float)
        for frame in range(6):
            noise = np.random.default_rng([number, frame]).normal(0, 3, scene.shape)
            Image.fromarray((scene + noise).clip(0, 255).astype(np.uint8)).save(
                root / f"{name}_frame_{frame}.png"
            )
    return root


def test_a_pattern_for_names_is_proposed_where_near_duplicates_agree(films, capfd):
    found = audited(films)
    assert kinds(found)["names"] == 6
    (names,) = [entry for entry in found.audit.image_issues if entry.kind == "names"]
    assert names.matters
    assert "--set data.group_pattern=frames" in names.advice
    out = fine(
        call(capfd, "pipeline", "audit", "pictures", "--set", "data.group_pattern=frames", cwd=films.parent)
    )
    audit_json = json.loads((films.parent / RUN / stages.AUDIT).read_text("utf-8"))
    titles = {entry["kind"]: entry["title"] for entry in audit_json["image_issues"]}
    expected = "data.group_pattern = frames: 6 groups from 36 of 96 file names, the largest of 6 pictures"
    assert titles["named_groups"] == expected
    assert "groups in the file names" not in out
    assert out.endswith("next: python -m pipeline train pictures --set data.group_pattern=frames\n")


def test_groups_in_names_stay_on_one_side_and_are_the_same_later(films):
    setting = "data.group_pattern=frames"
    found = audited(films, setting)
    run, config = Run(RUN), configuration.load(films, [setting])
    split = splits.make(run, found.table, config)
    held_out = {picture.group for picture in split.held_out} - {""}
    assert held_out
    assert not held_out & {picture.group for picture in split.train}
    moment = run.path(stages.PICTURES).stat().st_mtime
    table = stored_table.load(run, films)
    assert not changes.changed_since(table, films, moment, "frames")
    assert str(changes.changed_since(table, films, moment)) == "36 regrouped"
    assert str(audited(films).changed) == "36 regrouped"


def test_a_pattern_that_no_name_matches_is_to_be_acted_on(folder):
    (issue,) = [e for e in audited(folder, "data.group_pattern=bursts").audit.image_issues if e.matters]
    assert issue.kind == "no_named_groups"
    assert issue.summary == "data.group_pattern = bursts: 0 groups from 0 of 48 file names"


def test_mirrored_pictures_under_two_labels_are_no_contradiction(folder):
    """An arrow to the left is not an arrow to the right."""
    pixels = np.asarray(Image.open(folder / "cat/000.png"))
    Image.fromarray(np.ascontiguousarray(pixels[:, ::-1])).save(folder / "dog/mirror.png")
    found = audited(folder)
    assert found.audit.contradictions == ()
    assert [pair.kind for pair in found.audit.near_duplicates] == ["mirrored"]
    # Nor do they hold two classes together.
    assert found.audit.groups == ()
    assert kinds(found)["series"] == 1


def test_a_given_split_that_leaks_is_found(workplace, make_data_set):
    make_data_set(workplace / "pictures/train", {"cat": 24, "dog": 24}, size=(96, 72))
    make_data_set(workplace / "pictures/test", {"cat": 8, "dog": 8}, size=(96, 72), first_seed=500)
    again(workplace / "pictures/train/cat/002.png", workplace / "pictures/test/cat/leak.jpg")
    found = audited(workplace / "pictures")
    (leaks,) = [entry for entry in found.audit.image_issues if entry.kind == "leaks"]
    assert leaks.pictures == ("test/cat/leak.jpg", "train/cat/002.png")
    assert leaks.matters
    split = splits.make(Run(RUN), found.table, configuration.load(workplace / "pictures"))
    assert [picture.path for picture in split.leaked] == ["test/cat/leak.jpg"]


def test_old_pictures_that_turn_out_to_leak_do_not_move(folder):
    """As in a run that was made before copies were looked for."""
    config = configuration.load(folder)
    for number in range(6):
        again(folder / f"cat/{number:03d}.png", folder / f"cat/saved{number}.jpg")
    run = Run(RUN)
    with run.locked():
        before = splits.make(run, dataset.scan(folder), config)
    assert before.leaked == ()
    after = splits.make(run, audited(folder).table, config)
    assert [p.path for p in after.held_out] == [p.path for p in before.held_out]
    assert after.folds == before.folds
    groups = [{f"cat/{number:03d}.png", f"cat/saved{number}.jpg"} for number in range(6)]
    held_out = {picture.path for picture in after.held_out}
    expected = {path for group in groups if len(group & held_out) == 1 for path in group & held_out}
    assert {picture.path for picture in after.leaked} == expected
    assert expected  # seed 0 parts one of the pairs at least


def test_every_kind_of_odd_picture_is_listed_with_what_to_do(folder, draw):
    for label in ("cat", "dog"):  # many enough that the odd ones are few
        for number in range(100, 160):
            Image.fromarray(draw(96, 72, number + 1000 * (label == "dog"))).save(
                folder / label / f"{number}.png"
            )
    cat = folder / "cat"
    (cat / "damaged.jpg").write_bytes(b"no picture")
    (cat / "phone.jxl").write_bytes(b"\xff\x0a")
    (cat / "notes.txt").write_bytes(b"x")
    Image.new("RGB", (80, 80), (90, 90, 90)).save(cat / "plain.png")
    words = np.full((80, 80, 3), 200, np.uint8)
    words[38:42, 30:60] = 20
    Image.fromarray(words).save(cat / "unavailable.png")
    Image.fromarray(draw(40, 30, 77)).save(cat / "small.png")
    barred = np.maximum(draw(96, 72, 78), 48)
    barred[:9] = barred[-9:] = 0
    Image.fromarray(barred).save(cat / "barred.png")
    Image.fromarray(draw(96, 72, 79)).save(cat / "really.jpg", format="PNG")
    Image.fromarray(draw(96, 72, 80)).convert("CMYK").save(cat / "print.jpg")
    frames = [Image.fromarray(draw(96, 72, seed)) for seed in (81, 82)]
    frames[0].save(cat / "moving.gif", save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(draw(96, 72, 83)).save(cat / "turned.jpg", exif=exif)
    found = audited(folder)
    listed = {entry.kind: entry for entry in found.audit.image_issues}
    expected = {
        "unreadable": "damaged.jpg",
        "other_formats": "phone.jxl",
        "passed_over": "notes.txt",
        "uniform": "plain.png",
        "placeholder": "unavailable.png",
        "tiny": "small.png",
        "bars": "barred.png",
        "misnamed": "really.jpg",
        "odd_modes": "print.jpg",
        "animated": "moving.gif",
        "turned": "turned.jpg",
    }
    assert {kind: listed[kind].pictures for kind in expected} == {
        kind: (f"cat/{name}",) for kind, name in expected.items()
    }
    assert set(listed) == set(expected)
    assert all(entry.advice for entry in listed.values())
    # What somebody should do something about comes first.
    assert [entry.matters for entry in found.audit.image_issues] == [True] * 6 + [False] * 5


def test_how_folders_were_understood_is_listed(workplace, make_data_set):
    make_data_set(workplace / "pictures/Train", {"cat": 24, "dog": 24}, size=(96, 72))
    make_data_set(workplace / "pictures/Test/cat", {"2024/trip": 8}, size=(96, 72), first_seed=500)
    make_data_set(workplace / "pictures/Test", {"dog": 8}, size=(96, 72), first_seed=600)
    found = audited(workplace / "pictures")
    listed = {entry.kind: entry for entry in found.audit.image_issues}
    assert listed["splits"].title == "the data set comes with a split: Test/ is test, Train/ is train"
    assert listed["nested"].count == 8
    assert listed["nested"].advice == "nothing: they belong to the class above"
    assert "8 × pictures in subfolders of a class" in found.audit.sentence
    assert "the data set comes with a split: Test/ is test" in found.audit.sentence


def test_an_audit_of_the_version_before_is_read(folder):
    audited(folder)
    run = Run(RUN)
    stored = json.loads(run.path(stages.AUDIT).read_text("utf-8"))
    old = {"image_issues": "findings", "near_duplicates": "twins"}
    text = json.dumps({old.get(key, key): value for key, value in stored.items()})
    document = documents.document_of(text, audit.Audit)
    assert document == run.read(audit.Audit, stages.AUDIT)


def test_a_picture_of_one_colour_is_named_whatever_the_colour(folder):
    for name, colour in (("black", (0, 0, 0)), ("red", (200, 0, 0)), ("white", (255, 255, 255))):
        Image.new("RGB", (96, 72), colour).save(folder / f"cat/{name}.png")
        Image.new("RGB", (96, 72), colour).save(folder / f"cat/{name}.jpg")
    found = audited(folder)
    (uniform,) = [entry for entry in found.audit.image_issues if entry.kind == "uniform"]
    assert uniform.count == 6


def test_no_advice_tells_anybody_to_delete_pictures():
    for module in (image_issues, copy_issues, audit, folders, dataset):
        for words in ("delete", "remove the", "remove these"):
            assert words not in Path(module.__file__ or "").read_text("utf-8")


def test_unbalanced_and_small_classes_and_mixed_shapes_are_told(workplace, make_data_set):
    root = make_data_set(workplace / "pictures", {"cat": 40, "dog": 8}, size=(96, 72))
    for number in range(20):
        path = root / f"cat/{number:03d}.png"
        Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path)
    found = audited(root)
    titles = {entry.kind: entry.title for entry in found.audit.image_issues}
    assert titles["few"] == "classes with fewer than 20 pictures: dog (8)"
    assert titles["balance"] == "unbalanced: cat has 40, dog has 8"
    assert titles["orientation"] == "portrait pictures in a mostly landscape set"


@pytest.mark.slow
def test_the_first_screen_says_what_to_do_and_strict_ends_with_3(folder, capfd):
    again(folder / "cat/000.png", folder / "dog/same.jpg")
    ended = call(capfd, "pipeline", "audit", "pictures", cwd=folder.parent)
    out = fine(ended)
    assert "pictures: image issues (! = act on it)" in out
    assert "! one picture under two labels" in out
    assert "decide which label is right" in out
    for file in ("audit.json", "figures/audit-contradictions.png", "figures/audit-copies.png"):
        assert f"{RUN}/{file}\n" in out
        assert (folder.parent / RUN / file).is_file()
    ended = call(capfd, "pipeline", "audit", "pictures", "--strict", "--quiet", cwd=folder.parent)
    message = "the audit found: contradictions"
    refused(ended, 3, message, hint(RUN))
    ended = call(capfd, "pipeline", "audit", "pictures", "--json", cwd=folder.parent)
    document = json.loads(fine(ended))
    assert document.keys() == {
        *(
            "run",
            "pictures",
            "classes",
            "refusal",
            "image_issues",
            "contradictions",
            "resolved",
            "groups",
            "near_duplicates",
        ),
        *("hash_threshold_bits", "excluded", "shortcuts", "alarms", "warnings", "files"),
    }
    assert all((folder.parent / file).is_file() for file in document["files"])


@pytest.mark.slow
def test_the_audit_of_another_folder_leaves_a_trained_run_as_it_is(workplace, make_data_set, capfd):
    make_data_set(workplace / "one/pictures", {"cat": 24, "dog": 24})
    make_data_set(workplace / "two/pictures", {"red": 24, "blue": 24})
    run = Run(RUN)
    config = configuration.load(Path("one/pictures"), ["data.group_copies=false"])
    audited(Path("one/pictures"), "data.group_copies=false")
    files.write_text(run.path(stages.CONFIG), configuration.dump(config))
    before = verbs.stamps(run.folder)
    message = f"{RUN} was made with another configuration; it differs in data.pictures"
    ended = call(capfd, "pipeline", "audit", "two/pictures", cwd=workplace)
    refused(ended, 2, message, "use --name NAME for another run")
    fine(call(capfd, "pipeline", "audit", "one/pictures", "--quiet", cwd=workplace))
    assert {name: verbs.stamps(run.folder)[name] for name in before} == before
    fine(call(capfd, "pipeline", "audit", "two/pictures", "--name", "other", "--quiet", cwd=workplace))


@pytest.mark.parametrize("name", ["../../../X", "/X"])
def test_the_name_of_an_audit_is_one_folder_name(folder, capfd, name):
    ended = call(capfd, "pipeline", "audit", "pictures", "--name", name, cwd=folder.parent)
    message = f"--name {name}: a run's name must be a single folder name"
    refused(ended, 2, message, "for example --name first")


def test_what_another_version_of_the_decoder_refused_is_looked_at_again(folder, monkeypatch):
    (folder / "cat/broken.png").write_bytes(b"no picture")
    audited(folder)
    opened = []
    examine = decode.examine
    monkeypatch.setattr(decode, "examine", lambda path: opened.append(path.name) or examine(path))
    audited(folder)
    assert opened == []
    version = library_version
    monkeypatch.setattr(
        "pipeline.data.audit.audit.library_version",
        lambda name: "99" if name == "pillow" else version(name),
    )
    audited(folder)
    assert "broken.png" in opened


def test_a_repeat_opens_no_picture_draws_nothing_and_loads_little(folder, capfd):
    again(folder / "cat/000.png", folder / "cat/saved.jpg")
    fine(call(capfd, "pipeline", "audit", "pictures", cwd=folder.parent))
    before = verbs.stamps(folder.parent / RUN)
    ended, modules = watched("pipeline", "audit", "pictures", cwd=folder.parent)
    fine(ended)
    assert verbs.stamps(folder.parent / RUN) == before
    assert not modules & {"tensorflow", "keras", "matplotlib", "sklearn", "imagehash"}


def test_a_folder_of_holiday_photos_is_told_how_to_become_a_data_set(workplace, draw, capfd):
    root = workplace / "My holiday"
    (root / "phone").mkdir(parents=True)
    for number in range(6):
        Image.fromarray(draw(96, 72, number)).save(root / f"IMG {number}.jpg")
        Image.fromarray(draw(96, 72, 50 + number)).save(root / "phone" / f"{number}.jpg")
    (root / "film.mov").write_bytes(b"x")
    (root / "empty.jpg").write_bytes(b"")
    out = fine(call(capfd, "pipeline", "audit", "My holiday", cwd=workplace))
    assert "    pictures  12: (no class) 6, phone 6\n" in out
    assert "! unreadable pictures" in out
    assert "These pictures are not ready for training: My holiday: only one class, phone\n" in out
    assert "To train a classifier, sort the pictures into one folder per class" in out
    assert out.endswith("then: python -m pipeline audit 'My holiday'\n")
    assert "few" not in out
    # Only what the audit itself says is written: training starts from nothing.
    assert not (workplace / runs.RUNS / "My-holiday" / stages.PICTURES).exists()
    ended = call(capfd, "pipeline", "audit", "My holiday", "--strict", "--quiet", cwd=workplace)
    refused(
        ended,
        3,
        "the audit found: unreadable, pictures that are not ready for training",
        hint(runs.RUNS / "My-holiday"),
    )


def test_what_training_would_refuse_is_audited_all_the_same(folder, capfd):
    for number in range(12):
        (folder / f"cat/{number:03d}.png").write_bytes(b"words")
    out = fine(call(capfd, "pipeline", "audit", "pictures", cwd=folder.parent))
    assert (
        "These pictures are not ready for training: pictures: 12 of 24 pictures of class cat cannot be used"
        in out
    )
    assert "or continue without them: --allow-unreadable 50%\n" in out
    out = fine(call(capfd, "pipeline", "audit", "pictures", "--allow-unreadable", "50%", cwd=folder.parent))
    assert "cannot be trained on" not in out
    for wrong in ("84", "0.84", "101%", "many"):
        ended = call(capfd, "pipeline", "audit", "pictures", "--allow-unreadable", wrong, cwd=folder.parent)
        refused(
            ended,
            2,
            f"--allow-unreadable {wrong}: expected a percentage",
            "for example --allow-unreadable 25%",
        )


def test_what_the_split_would_refuse_is_told_by_the_audit_with_the_same_words(
    workplace, make_data_set, capfd
):
    make_data_set(workplace / "pictures", {"cat": 24, "dog": 5, "emu": 4}, size=(96, 72))
    message = (
        "pictures: class dog has 5 pictures, class emu has 4 pictures, 5 folds and a held-out set need 6"
    )
    hint = "add pictures to dog, emu, or use fewer folds: --set train.folds=3"
    out = fine(call(capfd, "pipeline", "audit", "pictures", cwd=workplace))
    assert f"These pictures are not ready for training: {message}\nDo this first: {hint}\n" in out
    assert "next:" not in out
    document = json.loads(fine(call(capfd, "pipeline", "audit", "pictures", "--json", cwd=workplace)))
    assert document["refusal"] == {"message": message, "hint": hint}
    refused(call(capfd, "pipeline", "train", "pictures", "--quiet", cwd=workplace), 2, message, hint)


def test_what_the_check_for_shortcuts_passes_over_is_said(workplace, make_data_set, capfd):
    make_data_set(workplace / "pictures", {"cat": 24, "dog": 24, "emu": 8}, size=(96, 72))
    out = fine(call(capfd, "pipeline", "audit", "pictures", cwd=workplace))
    assert "shortcuts  not measured for emu (8 pictures): needs 10 pictures of a class\n" in out
    assert "Can the classes be told apart without the content? (n = 48)" in out


def test_nothing_to_look_at_is_wrong_use(workplace, capfd):
    (workplace / "empty").mkdir()
    ended = call(capfd, "pipeline", "audit", "empty", cwd=workplace)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: empty: no pictures found in class folders\n")
    ended = call(capfd, "pipeline", "audit", "nowhere", cwd=workplace)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: nowhere: no such file or folder\n")


def test_an_alarm_is_printed_and_counts_for_strict(workplace, draw, capfd):
    for label, quality in (("a", 95), ("b", 60)):
        (workplace / "saved" / label).mkdir(parents=True)
        for number in range(30):
            path = workplace / "saved" / label / f"{number}.jpg"
            Image.fromarray(draw(96, 72, number + 500 * (label == "b"))).save(path, quality=quality)
    out = fine(call(capfd, "pipeline", "audit", "saved", cwd=workplace))
    assert "Can the classes be told apart without the content? (n = 60)" in out
    assert "note  the classes can be told apart by JPEG quality alone (balanced accuracy 1.00" in out
    assert "ALARM" in out
    ended = call(capfd, "pipeline", "audit", "saved", "--strict", "--quiet", cwd=workplace)
    refused(ended, 3, "the audit found: shortcuts", hint(runs.RUNS / "saved"))


@pytest.mark.slow
def test_training_after_an_audit_finds_it_up_to_date_and_says_it_in_one_line(folder, capfd):
    again(folder / "cat/000.png", folder / "dog/same.jpg")
    fine(call(capfd, "pipeline", "audit", "pictures", cwd=folder.parent))
    before = verbs.stamps(folder.parent / RUN)
    out = fine(verbs.here("pipeline", "train", "pictures", *verbs.sets(), cwd=folder.parent))
    assert (
        "       audit  1 × one picture under two labels; "
        f"1 × groups of near-duplicates (re-saved, resized, cropped or mirrored) (see {RUN}/audit.json)\n"
    ) in out
    assert "note  2 files are excluded" in out
    after = verbs.stamps(folder.parent / RUN)
    assert {name: after[name] for name in before} == before
    # With out-of-fold answers there, their score stands beside the small models'.
    out = fine(call(capfd, "pipeline", "audit", "pictures", cwd=folder.parent))
    assert "the classifier, out-of-fold" in out


@pytest.mark.slow
def test_evaluation_gives_the_score_without_the_leaked_pictures(workplace, make_data_set, capfd):
    make_data_set(workplace / "pictures/train", {"cat": 24, "dog": 24}, size=(96, 72))
    make_data_set(workplace / "pictures/test", {"cat": 8, "dog": 8}, size=(96, 72), first_seed=500)
    again(workplace / "pictures/train/cat/002.png", workplace / "pictures/test/cat/leak.jpg")
    out = fine(verbs.here("pipeline", "train", "pictures", *verbs.sets(), cwd=workplace))
    assert "the data set's own split leaks: 1 group of pictures that belong together is on both sides" in out
    out = fine(verbs.here("pipeline", "evaluate", "pictures", cwd=workplace))
    assert "1 held-out picture belongs together with training pictures, as copies or by group: with it" in out
    found = Run(workplace / RUN).read_json(stages.EVALUATION)
    assert found["without_leaked"]["leaked"] == ["test/cat/leak.jpg"]
    assert (found["held_out"]["n"], found["without_leaked"]["n"]) == (17, 16)
