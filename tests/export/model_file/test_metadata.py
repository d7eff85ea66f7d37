from __future__ import annotations

import io
import random
import struct
import zipfile

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from export.bundle import bundle
from export.model_file import flatbuffer, metadata
from export.model_file.flatbuffer import DamagedError, Document
from export.model_file.metadata import Metadata
from pipeline.core.errors import ConversionError
from pipeline.tflite import interpreter as litert
from pipeline.tflite.schema import packed
from tests.support.odd_models import repacked, with_zip
from tests.support.small_models import FRAME, LABELS, build

FLAVOURS = ("float32", "float16", "dynamic_range", "int8")
ABOUT = metadata.classifier(LABELS, FRAME, "weights and arithmetic in int8")


@pytest.fixture(scope="module")
def models() -> dict[str, bytes]:
    return {flavour: build(flavour) for flavour in FLAVOURS}


@pytest.fixture(scope="module")
def written(models) -> dict[str, bytes]:
    return {flavour: metadata.write(data, ABOUT, FRAME) for flavour, data in models.items()}


def tree(data: bytes) -> schema.ModelT:
    return schema.ModelT.InitFromPackedBuf(data, 0)


def plain(value):
    """An object tree of the schema as values that compare."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if hasattr(value, "__dict__"):
        return {name: plain(part) for name, part in vars(value).items()}
    return value


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_what_was_written_is_read(written, flavour):
    assert metadata.read(written[flavour]) == ABOUT


def test_what_is_written_says_how_pixels_go_in_and_what_comes_out(written):
    said = metadata.read(written["int8"])
    assert said is not None
    assert said.labels == LABELS
    assert (said.mean, said.std) == ((0.0,), (1.0,))
    assert (said.input_range, said.output_range) == ((0, 255), (0, 1))
    assert "64 pixels wide and 32 high" in said.input_description
    assert said.description == "Classifies pictures into 4 classes; weights and arithmetic in int8."
    assert said.problems == ()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_answers_stay_as_they_were(models, written, flavour):
    frames = np.random.default_rng(1).integers(0, 256, (5, FRAME.height, FRAME.width, 3), np.uint8)
    for kernels in (litert.XNNPACK, litert.BUILT_IN):
        before, after = (litert.Interpreter(d[flavour], kernels=kernels) for d in (models, written))
        for frame in frames:
            assert before.run(frame).tobytes() == after.run(frame).tobytes()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_model_is_the_same_but_for_one_buffer_and_its_name(models, written, flavour):
    before, after = tree(models[flavour]), tree(written[flavour])
    added = after.metadata.pop()
    assert (added.name, added.buffer) == (b"TFLITE_METADATA", len(before.buffers))
    assert bytes(after.buffers.pop().data)[4:8] == b"M001"
    assert plain(after) == plain(before)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_constants_start_at_multiples_of_16(written, flavour):
    data = written[flavour]
    for buffer in tree(data).buffers:
        if buffer.data is not None and len(buffer.data) > 64:
            assert data.index(bytes(buffer.data)) % 16 == 0


def test_the_same_model_gives_the_same_bytes(models, written):
    assert metadata.write(models["int8"], ABOUT, FRAME) == written["int8"]


def test_metadata_take_the_place_of_what_was_there(models, written):
    other = metadata.classifier(["a", "b", "c", "d"], FRAME, "another")
    again = metadata.write(metadata.write(models["int8"], other, FRAME), ABOUT, FRAME)
    said = metadata.read(again)
    assert said == ABOUT
    assert [entry.name for entry in tree(again).metadata].count(b"TFLITE_METADATA") == 1
    assert again.count(b"PK\x05\x06") == 1


def test_the_labels_are_a_zip_at_the_end_with_a_fixed_date(written):
    with zipfile.ZipFile(io.BytesIO(written["int8"])) as archive:
        (entry,) = archive.infolist()
        assert entry.filename == bundle.LABELS == metadata.LABELS
        assert (entry.compress_type, entry.date_time) == (zipfile.ZIP_STORED, (1980, 1, 1, 0, 0, 0))
        assert archive.read(entry).decode() == "".join(f"{label}\n" for label in LABELS)


def test_constants_kept_behind_the_model_are_refused(models):
    model = tree(models["int8"])
    model.buffers[2].offset = 4096
    with pytest.raises(ConversionError) as caught:
        metadata.write(packed(model, 1024), ABOUT, FRAME)
    assert caught.value.message.startswith("files over 2 GB keep constants after the model")


# Files of others.


def test_a_file_without_metadata_has_none(models):
    assert metadata.read(models["int8"]) is None


def test_a_file_that_is_no_model_says_so():
    for data in (b"", b"TFL3", b"\xff\xd8\xff\xe0" * 50, bytes(1000)):
        said = metadata.read(data)
        assert said is not None
        assert said.labels == ()
        assert said.problems[0].startswith("the file is damaged: ")


def test_windows_line_ends_are_no_part_of_a_label(written):
    said = metadata.read(with_zip(written["int8"], "labels.txt", b"one\r\ntwo\r\n"))
    assert said is not None
    assert said.labels == ("one", "two")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("other.txt", b"one\n", "the label file labels.txt is missing"),
        (
            "labels.txt",
            b"\xff\xfe",
            "the label file labels.txt cannot be read: 'utf-8' codec can't decode",
        ),
        ("labels.txt", bytes(50_000_000), "labels.txt claims to be 50,000,000 bytes long; it was not read"),
    ],
)
def test_labels_that_cannot_be_read_are_named(written, name, content, problem):
    said = metadata.read(with_zip(written["int8"], name, content))
    assert said is not None
    assert said.labels == ()
    assert said.problems[0].startswith(problem)
    assert said.name == ABOUT.name


def test_a_zip_that_is_cut_off_leaves_the_rest_readable(written):
    said = metadata.read(written["int8"][:-10])
    assert said is not None
    assert said.labels == ()
    assert said.problems == ("the label file labels.txt cannot be read: File is not a zip file",)
    assert said.std == (1.0,)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"M001", "the metadata is damaged: expected the identifier M001"),
        (b"\xff\xff\xff\x7fM001", "the metadata is damaged: an offset points to byte 2,147,483,647 of 8"),
    ],
)
def test_metadata_that_lead_nowhere_are_named(written, content, problem):
    said = metadata.read(repacked(written["int8"], content))
    assert said is not None
    assert said.problems == (problem,)


@pytest.mark.parametrize(
    ("mean", "std"), [((float("nan"),), (1.0,)), ((0.0,), (0.0,)), ((0.0,), (float("inf"),))]
)
def test_a_normalization_that_no_picture_survives_is_damage(models, mean, std):
    said = metadata.write(models["int8"], Metadata(mean=mean, std=std), FRAME)
    found = metadata.read(said)
    assert found is not None
    assert found.problems == (
        "the metadata is damaged: its normalization has a zero deviation or a value that is not finite",
    )


@pytest.mark.parametrize("count", [0, 2, 4])
def test_a_normalization_for_another_number_of_channels_is_a_problem(models, count):
    said = metadata.read(
        metadata.write(models["float32"], Metadata(mean=(9.0,) * count, std=(2.0,) * count), FRAME)
    )
    assert said is not None
    assert (said.mean, said.std, said.normalized) == ((), (), (count, count))
    assert said.problems[0] == (
        f"the normalization has {count} means and {count} deviations; expected one of each, or 3"
    )


def test_means_and_deviations_of_different_number_are_a_problem(models):
    said = metadata.read(metadata.write(models["float32"], Metadata(mean=(9.0,), std=(2.0,) * 3), FRAME))
    assert said is not None
    assert (said.mean, said.normalized) == ((), (1, 3))
    assert said.problems[0].startswith("the normalization has 1 means and 3 deviations")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_labels_that_are_damaged_are_named(written, method):
    content = "".join(f"label {number}\n" for number in range(500)).encode()
    data = with_zip(written["float32"], "labels.txt", content, method)
    said = metadata.read(data)
    assert said is not None
    assert (len(said.labels), said.compressed, said.problems) == (500, True, ())
    start = data.rindex(b"PK\x03\x04") + 30 + len("labels.txt")
    hurt = bytearray(data)
    for place in range(start + 20, start + 60):
        hurt[place] ^= 0x5A
    said = metadata.read(bytes(hurt))
    assert said is not None
    assert said.labels == ()
    assert said.problems[0].startswith("the label file labels.txt cannot be read: ")
    assert said.std == (1.0,)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_whatever_bytes_of_a_zip_are_changed_reading_ends(written, method):
    data = with_zip(written["int8"], "labels.txt", b"one\ntwo\n" * 50, method)
    rng, start = random.Random(11), data.rindex(b"PK\x03\x04")
    for _ in range(300):
        hurt = bytearray(data)
        for _ in range(rng.choice((1, 3))):
            hurt[rng.randrange(start, len(hurt))] = rng.choice((0, 1, 0x7F, 0xFF, rng.randrange(256)))
        assert isinstance(metadata.read(bytes(hurt)), Metadata)


def test_whatever_bytes_are_changed_reading_ends_at_once(written):
    """A seeded thousand of changes: single bits, wild offsets, cuts."""
    rng = random.Random(7)
    data = written["int8"]
    start = data.rindex(b"M001") - 4
    for number in range(1000):
        hurt = bytearray(data)
        place = rng.randrange(len(hurt)) if number % 2 else rng.randrange(start, len(hurt))
        if number % 3 == 0:
            hurt[place] ^= 1 << rng.randrange(8)
        elif number % 3 == 1:
            struct.pack_into(
                "<I", hurt, min(place, len(hurt) - 4), rng.choice([0xFFFFFFFF, 0x7FFFFFFF, 1, 0, 4])
            )
        else:
            del hurt[place:]
        said = metadata.read(bytes(hurt))
        assert said is None or isinstance(said, Metadata)


# The reader itself.


def test_what_was_packed_is_read_field_by_field():
    packed = flatbuffer.pack(
        {0: "words", 1: np.uint8(200), 2: np.int32(-5), 3: {1: "inner"}, 4: [{0: "a"}, {}], 6: (0.5, 2.0)},
        b"TEST",
    )
    root = Document(packed).root(b"TEST")
    assert (root.text(0), root.number(1, "B"), root.number(2, "i")) == ("words", 200, -5)
    inner = root.table(3)
    assert inner is not None
    assert (inner.text(0), inner.text(1)) == ("", "inner")
    assert [table.text(0) for table in root.tables(4)] == ["a", ""]
    assert (root.numbers(6, "f"), root.numbers(5, "f")) == ((0.5, 2.0), ())
    assert root.table(9) is None
    assert root.number(9, "i", 7) == 7


def test_a_vector_that_claims_to_be_endless_is_given_up():
    """Every element of it can be read, so only counting the steps ends it."""
    packed = flatbuffer.pack({0: [{0: "a"}] * 50}, b"TEST")
    assert len(list(Document(packed).root().tables(0))) == 50
    with pytest.raises(DamagedError, match="reading it takes too many steps"):
        list(Document(packed, steps=20).root().tables(0))


@pytest.mark.parametrize("wild", [0xFFFFFFFF, 0x7FFFFFFF, 2000])
def test_no_offset_is_followed_out_of_the_file(wild):
    packed = bytearray(flatbuffer.pack({0: "a"}, b"TEST"))
    struct.pack_into("<I", packed, 0, wild)
    with pytest.raises(DamagedError, match=f"an offset points to byte {wild:,} of {len(packed)}"):
        Document(bytes(packed)).root(b"TEST").text(0)
