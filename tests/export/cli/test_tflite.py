from __future__ import annotations

from export.conversion import compensation
from export.conversion.compensate.layer_error import LayerError
from tests.support import verbs

LAYERS = (
    LayerError(name="conv0", before=0.2, after=0.0991),
    LayerError(name="answer", before=0.3, after=0.2),
)


def test_details_show_the_error_of_every_layer(tmp_path_factory, tmp_path, capfd, monkeypatch):
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    monkeypatch.setattr(compensation, "layers", lambda _: LAYERS)
    said = verbs.call(capfd, "export", "tflite", "pictures", "--details", cwd=place).stdout
    rows = [line.split() for line in said.splitlines()]
    assert ["conv0", "0.200", "0.099"] in rows
    assert ["answer", "0.300", "0.200"] in rows
    assert "conv0" not in verbs.call(capfd, "export", "tflite", "pictures", cwd=place).stdout


def test_details_say_why_there_are_none(tmp_path_factory, tmp_path, capfd):
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    said = verbs.call(capfd, "export", "tflite", "pictures", "--details", cwd=place).stdout
    assert "The int8 file is not compensated: 29 training pictures are left to judge by, and 30 are" in said
