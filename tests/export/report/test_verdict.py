from __future__ import annotations

from typing import Any

import pytest

from export import artifacts
from export.android.photos.photos import Photos
from export.android.photos.score import Gap
from export.explain.explanation import Explanation
from export.inspection.inspector import Passport
from export.parity.result import DontKnow, FlavourTarget, ParityResult, SameAnswers, Verdict
from export.report import data_section, learned, model_section, verdict
from export.report.artifacts import Artifacts, Passports
from pipeline.core import stages
from pipeline.core.documents import Document
from pipeline.core.runs import Run
from pipeline.evaluation.evaluate import (
    ClassScore,
    Evaluation,
    HeldOutScore,
    OutOfFoldScore,
    TrainScore,
    WithoutLeaked,
)
from pipeline.stats.metrics import Interval
from tests.support.comparisons import check, flavour, parity_result

DONT_KNOW = DontKnow(
    threshold=0.5,
    coverage=0.9,
    coverage_interval=Interval(0.8, 0.95),
    selective_accuracy=0.92,
    selective_accuracy_interval=Interval(0.85, 0.96),
)
TARGET = flavour(
    n=100,
    accuracy=0.88,
    accuracy_interval=Interval(0.802, 0.930),
    agreement=0.967,
    smallest_drop_that_would_show=0.02,
    dont_know=DONT_KNOW,
)


def broken(target: FlavourTarget, **fields: Any) -> FlavourTarget:
    checks = (check("agreement is 0.5"),)
    return target.model_copy(update={"verdict": Verdict.FAILED, "checks": checks, **fields})


def parity(*targets: FlavourTarget, **reference: Any) -> ParityResult:
    keras = {"accuracy": 0.89, "accuracy_interval": Interval(0.81, 0.94), "dont_know": None, **reference}
    return parity_result(*targets, **keras)


EVALUATION = Evaluation(
    labels=("cat", "<dog>"),
    train=TrainScore(n=10, accuracy=1.0),
    out_of_fold=OutOfFoldScore(
        n=10,
        accuracy=0.7,
        accuracy_interval=Interval(0.4, 0.9),
        macro_f1=0.7,
        macro_f1_interval=Interval(0.4, 0.9),
        fold_accuracy=(0.6, 0.8),
        fold_standard_deviation=0.1,
        chosen_epoch=2,
        epoch_was_chosen=True,
    ),
    held_out=HeldOutScore(
        n=100,
        groups=100,
        accuracy=0.89,
        accuracy_interval=Interval(0.82, 0.94),
        macro_f1=0.75,
        macro_f1_interval=Interval(0.6, 0.9),
        classes=(
            ClassScore(
                label="cat",
                n=50,
                f1=0.9,
                f1_interval=Interval(0.8, 0.95),
                recall=0.96,
                recall_interval=Interval(0.87, 0.99),
            ),
            ClassScore(
                label="<dog>",
                n=50,
                f1=0.6,
                f1_interval=Interval(0.5, 0.7),
                recall=0.82,
                recall_interval=Interval(0.69, 0.9),
            ),
        ),
        confusion=((0, 0, 48), (0, 1, 2), (1, 0, 9), (1, 1, 41)),
    ),
    threshold=0.5,
    gaps=("one", "two"),
)
WHOLE: dict[str, Document] = {artifacts.PARITY: parity(TARGET), stages.EVALUATION: EVALUATION}


@pytest.fixture
def found(tmp_path) -> Artifacts:
    made = Artifacts(Run(tmp_path))
    made.documents = dict(WHOLE)
    made.missing = {name: row for name, row in made.missing.items() if name not in WHOLE}
    return made


def test_a_file_that_passed_may_be_shipped_and_the_weakest_class_is_named(found):
    told = verdict.verdict(found)
    assert told.state == "yes"
    assert "on 100 pictures that no decision has used, 96.7% of its answers match" in told.sentences[0]
    assert told.sentences[1] == (
        "The int8 file recognizes 88.0% of new pictures (n = 100; 95% interval 80.2% to 93.0%). Below a "
        "score of 0.500 it says “I don't know”: it answers 90.0%, 92.0% of those correctly."
    )
    assert told.sentences[2] == (
        "The weakest class is <dog> (F1 0.60): 9 of its 50 pictures are mistaken for cat. "
        "It has not been timed on a phone yet."
    )


def test_what_so_few_pictures_cannot_show_is_said(found):
    unsure = TARGET.model_copy(update={"verdict": Verdict.NOT_SHOWN, "flips": 2})
    found.documents[artifacts.PARITY] = parity(unsure)
    told = verdict.verdict(found)
    assert told.state == "look"
    assert told.sentences[0].startswith("No problem found with the int8 file: on 100 pictures")
    assert told.sentences[0].endswith(
        "But the sample is too small to confirm parity: a loss below 2.0 points would not show. Check the "
        "changed answers in figures/flips.png; to confirm parity, hold out more pictures (data.held_out)."
    )


def test_a_file_that_failed_is_not_shipped_and_the_bound_is_named(found):
    found.documents[artifacts.PARITY] = parity(broken(TARGET, look=2))
    told = verdict.verdict(found)
    assert told.state == "no"
    assert told.sentences[0] == (
        "The int8 file lost too much in conversion: agreement is 0.5 (n = 100). "
        "This is the second look: a first file failed the gate."
    )


FLOAT16 = TARGET.model_copy(update={"model": "float16", "accuracy": 0.89, "agreement": 1.0})


def test_where_int8_failed_the_best_flavour_is_named_and_judged(found):
    float32 = FLOAT16.model_copy(update={"model": "float32", "verdict": Verdict.NOT_SHOWN})
    found.documents[artifacts.PARITY] = parity(broken(TARGET), FLOAT16, float32)
    told = verdict.verdict(found)
    assert told.state == "look"
    assert told.sentences[0].startswith("The float16 file matches the Keras model: on 100 pictures")
    assert told.sentences[0].endswith("It replaces int8, which failed the gate: agreement is 0.5.")
    assert told.sentences[1].startswith("The float16 file recognizes 89.0% of new pictures")
    assert verdict.flavour(found) == "float16"


def test_where_int8_passed_no_other_flavour_is_spoken_of(found):
    found.documents[artifacts.PARITY] = parity(FLOAT16, TARGET)
    assert verdict.flavour(found) == "int8"
    assert "float16" not in " ".join(verdict.verdict(found).sentences)


def test_a_file_that_never_answers_is_not_shipped_whatever_its_guesses(found):
    """All right and never sure: the app says "I don't know" to everything."""
    silent = DONT_KNOW.model_copy(update={"threshold": 1.0, "coverage": 0.0, "selective_accuracy": None})
    target = TARGET.model_copy(update={"accuracy": 1.0, "dont_know": silent})
    keras = silent.model_copy(update={"coverage": 0.97})
    found.documents[artifacts.PARITY] = parity(target, dont_know=keras)
    told = verdict.verdict(found)
    assert told.state == "no"
    assert told.sentences[0] == (
        "The int8 file never gives an answer with its threshold of 1.000: coverage is 0% (the Keras model: "
        "97.0%), so the app says “I don't know” to every picture."
    )
    assert "correctly" not in " ".join(told.sentences)


def test_the_score_without_leaked_pictures_leads_for_the_file_and_for_keras(found):
    target, keras = (
        WithoutLeaked(n=60, accuracy=accuracy, accuracy_interval=Interval(0.6, 0.8), leaked=("a.jpg",))
        for accuracy in (0.7, 0.72)
    )
    found.documents[artifacts.PARITY] = parity(
        TARGET.model_copy(update={"without_leaked": target}), without_leaked=keras
    )
    found.documents[stages.EVALUATION] = EVALUATION.model_copy(update={"without_leaked": keras})
    told = verdict.verdict(found)
    assert "its accuracy is 0.700 against 0.720 on the 60 without copies in training" in told.sentences[0]
    assert told.sentences[1].startswith(
        "The int8 file recognizes 70.0% of new pictures (n = 60, 40 with copies in training excluded; "
        "95% interval 60.0% to 80.0%)"
    )
    leading = [row for row in learned.learned(found).scores if row.leads]
    assert [(row.title, row.of.accuracy) for row in leading] == [
        ("out-of-fold", 0.7),
        ("held out, without copies of training pictures", 0.72),
    ]
    file = model_section.shipped(found)
    assert [row.accuracy for row in file.targets] == [0.7]
    assert (file.reference_accuracy, file.leaked) == (0.72, 40)


def test_the_built_in_kernels_are_named_beside_the_figures_of_xnnpack(found):
    same = SameAnswers(agreement=0.97, agreement_interval=Interval(0.95, 0.99))
    found.documents[artifacts.PARITY] = parity(TARGET.model_copy(update={"built_in": same}))
    assert model_section.shipped(found).words == [
        *TARGET.words,
        (
            "The figures are XNNPACK's, which phones run. With the built-in kernels, 97.00% (95.00% to "
            "99.00%) of the pictures get the same answer as from Keras; the gate does not judge that."
        ),
    ]


def test_where_every_held_out_picture_is_a_copy_nothing_is_said_of_new_ones(found):
    none = WithoutLeaked(n=0, accuracy=None, accuracy_interval=Interval(0.0, 1.0), leaked=("a.jpg",))
    target = TARGET.model_copy(update={"without_leaked": none})
    found.documents[artifacts.PARITY] = parity(target, without_leaked=none)
    told = verdict.verdict(found)
    assert told.state == "look"
    assert "its accuracy is" not in told.sentences[0]
    assert told.sentences[1] == (
        "Its accuracy on new pictures is unknown: every held-out picture has a copy in training."
    )


def test_a_file_that_is_not_what_its_name_says_is_not_shipped(found):
    int8 = Passport.model_construct(defects=(), contradictions=("float tensors inside",))
    found.documents[artifacts.PASSPORT] = Passports.model_construct(passports={"int8": int8})
    told = verdict.verdict(found)
    assert (told.state, told.sentences[0]) == (
        "no",
        "The int8 file is not what its name says: float tensors inside.",
    )


def test_a_model_that_may_be_guessing_is_not_shipped(found):
    guesses = {"accuracy": 0.58, "accuracy_interval": Interval(0.48, 0.67)}
    found.documents[artifacts.PARITY] = parity(TARGET.model_copy(update=guesses))
    told = verdict.verdict(found)
    assert told.state == "no"
    assert told.sentences[0].startswith("The int8 file may be no better than always answering cat")


def test_without_a_file_the_keras_models_score_is_said_as_its_own(found):
    del found.documents[artifacts.PARITY]
    found.missing[artifacts.PARITY] = Artifacts(Run(found.run.folder)).missing[artifacts.PARITY]
    assert verdict.verdict(found).sentences[1].startswith("The Keras model recognizes 89.0% of new pictures")


def test_a_class_that_is_never_recognized_asks_to_look_first(found):
    cat, dog = EVALUATION.held_out.classes
    never = EVALUATION.held_out.model_copy(update={"classes": (cat, dog.model_copy(update={"recall": 0.0}))})
    found.documents[stages.EVALUATION] = EVALUATION.model_copy(update={"held_out": never})
    told = verdict.verdict(found)
    assert told.state == "look"
    assert told.sentences[2] == "Warning: none of the 50 pictures of <dog> is recognized."


def test_after_a_second_look_the_pictures_are_not_called_unseen(found):
    assert "that no decision has used" in verdict.verdict(found).sentences[0]
    found.documents[artifacts.PARITY] = parity(TARGET.model_copy(update={"look": 2}))
    assert "that no decision has used" not in verdict.verdict(found).sentences[0]


def test_an_alarm_asks_to_look_first(found):
    found.documents[artifacts.EXPLAINED] = Explanation(
        model="int8",
        reference="keras",
        n=100,
        limit=10,
        labels=("cat", "<dog>"),
        panels=(),
        pictures=(),
        mistakes=(),
        classes=(),
        alarms=("in 9 of 10 pictures the border carries the answer.",),
    )
    told = verdict.verdict(found)
    assert told.state == "look"
    assert told.sentences[2] == "Warning: in 9 of 10 pictures the border carries the answer."
    assert data_section.improve(found)[0].startswith("Remove the shortcuts")


def test_photos_from_the_field_say_more_than_the_weakest_class(found):
    gap = Gap(
        accuracy_drop=0.2,
        accuracy_drop_interval=Interval(0.1, 0.3),
        dont_know_more=0.0,
        words=("In the field it is worse.", "more"),
    )
    found.documents[artifacts.PHOTOS] = Photos.model_construct(gap=gap, field=None)
    assert verdict.verdict(found).sentences[2] == "In the field it is worse."
    assert data_section.gaps(found).sentences == ["one", "two", "In the field it is worse.", "more"]


def test_nothing_exported_is_not_known_yet(found):
    del found.documents[artifacts.PARITY]
    found.missing[artifacts.PARITY] = Artifacts(Run(found.run.folder)).missing[artifacts.PARITY]
    told = verdict.verdict(found)
    assert told.state == "unknown"
    assert "python -m export tflite" in told.sentences[0]


def test_the_classes_that_are_mixed_up_are_what_to_work_on(found):
    said = data_section.improve(found)
    assert said[0].startswith("11 of the Keras model's 11 mistakes confuse cat and <dog>")
    assert any(sentence.startswith("<dog> is weaker than the others") for sentence in said)


def test_equal_scores_are_one_number_and_unchanged_answers_need_no_look(found):
    own = TARGET.accuracy
    unsure = TARGET.model_copy(update={"verdict": Verdict.NOT_SHOWN, "flips": 0})
    same = parity(unsure)
    found.documents[artifacts.PARITY] = same.model_copy(
        update={"reference": same.reference.model_copy(update={"accuracy": own})}
    )
    said = verdict.verdict(found).sentences[0]
    assert f", and both have an accuracy of {own:.3f}." in said
    assert said.endswith("would not show. To confirm parity, hold out more pictures (data.held_out).")
