from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.core import config as configuration
from pipeline.core.config import SEARCHABLE, Collect, Config, differing_keys, dump, flat, load
from pipeline.core.errors import ConfigError, DataError
from pipeline.core.packages import ROOT
from pipeline.core.size import Size


@pytest.fixture
def from_toml(tmp_path):
    def make(text: str, *settings: str, pictures: str = "pictures") -> Config:
        path = tmp_path / "run.toml"
        path.write_text(f'data.pictures = "{pictures}"\n{text}' if pictures else text, "utf-8")
        return load(path, settings)

    return make


def refused(make, *arguments: str, **options: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        make(*arguments, **options)
    assert caught.value.exit_code == 2
    return caught.value


def test_a_folder_is_enough_and_gives_the_defaults(tmp_path):
    config = load(tmp_path)
    assert config == Config.model_validate({"data": {"pictures": str(tmp_path)}})
    assert (config.model.backbone, config.model.input, config.train.folds) == (
        "efficientnet_lite0",
        "auto",
        5,
    )
    assert config.search == {}


def test_a_table_is_enough_and_gives_the_defaults(tmp_path):
    (tmp_path / "table.csv").write_text("path,label\n", "utf-8")
    assert load(tmp_path / "table.csv").data.pictures == str(tmp_path / "table.csv")


@pytest.mark.parametrize("name", ["table.csv", "table.PARQUET"])
def test_the_key_of_a_table_is_another_name_of_that_of_the_pictures(from_toml, name):
    config = from_toml(f'data.table = "{name}"', pictures="")
    assert config == from_toml("", pictures=name)
    assert 'pictures = "' in dump(config)
    assert from_toml("", f"data.table={name}", pictures="elsewhere") == config


def test_both_names_of_the_pictures_are_refused(from_toml):
    error = refused(from_toml, 'data.table = "table.csv"')
    assert error.message.endswith(
        "run.toml: data.pictures and data.table are two names of one key; both are given"
    )
    assert error.hint == "keep data.table for a table, data.pictures for a folder"


def test_a_parquet_file_is_enough(tmp_path):
    (tmp_path / "table.parquet").write_bytes(b"PAR1")
    assert load(tmp_path / "table.parquet").data.pictures == str(tmp_path / "table.parquet")


@pytest.mark.parametrize("size", ["0", "-1"])
def test_the_cache_of_remote_pictures_has_a_size(from_toml, size):
    assert (
        "data.remote_cache_gb: expected a number greater than 0"
        in refused(from_toml, "", f"data.remote_cache_gb={size}").message
    )


def test_nothing_there_is_said_with_what_may_be_there(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such file or folder") as caught:
        load(tmp_path / "nowhere")
    assert "a folder per class" in caught.value.hint
    assert caught.value.exit_code == 2


def test_the_tree_is_frozen(tmp_path):
    with pytest.raises(ValidationError, match="frozen"):
        load(tmp_path).train.folds = 3


@pytest.mark.parametrize(
    ("text", "unknown", "hint"),
    [
        ("train.fold = 3", "train.fold", "did you mean train.folds?"),
        ("model.backbon = 'tiny'", "model.backbon", "did you mean model.backbone?"),
        ("[trian]\nfolds = 3", "trian", "did you mean train?"),
        ("head.learning_rate = 1.0", "head.learning_rate", "did you mean train.learning_rate?"),
        ("xyzzy = 1", "xyzzy", "known keys: seed, data.pictures, data.held_out"),
        ("folds = 3", "folds", "did you mean train.folds?"),
    ],
)
def test_misspelt_key_is_named_with_a_suggestion(from_toml, text, unknown, hint):
    error = refused(from_toml, text)
    assert f"unknown key {unknown}" in error.message
    assert "run.toml" in error.message
    assert error.hint.startswith(hint)


def test_all_wrong_keys_are_named_at_once(from_toml):
    error = refused(from_toml, "train.fold = 3\nhead.kind = 'deep'")
    assert "unknown key train.fold" in error.message
    assert "head.kind" in error.message


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("train.folds='five'", 'train.folds: expected a valid integer. Received: "five"'),
        ("train.folds=2.5", "train.folds: expected a valid integer. Received: 2.5"),
        ("train.folds=1", "train.folds: expected a number greater than or equal to 2. Received: 1"),
        ("train.folds=21", "train.folds: expected a number less than or equal to 20. Received: 21"),
        ("train.folds=true", "train.folds: expected a valid integer. Received: true"),
        ("train.select_best_epoch=1", "train.select_best_epoch: expected a valid boolean. Received: 1"),
        ("train.select_best_epoch=yes", 'train.select_best_epoch: expected a valid boolean. Received: "yes"'),
        ("data.held_out=0", "data.held_out: expected a number greater than 0. Received: 0"),
        ("data.held_out=1.0", "data.held_out: expected a number less than 1. Received: 1.0"),
        ("data.pictures=3", "data.pictures: expected a valid string. Received: 3"),
        ("seed=-1", "seed: expected a number greater than or equal to 0. Received: -1"),
        ("seed=2147483648", "seed: expected a number less than 2147483648"),
        ("model.alpha=0", "model.alpha: expected a number greater than 0"),
        ("model.backbone=resnet", "'efficientnet_lite2', 'mobilenet_v2' or 'tiny'. Received: \"resnet\""),
        ("model.weights=5", "model.weights: expected a valid string"),
        (
            "model.input=224",
            "expected auto, or width x height from 32x32 to 1024x1024, such as 224x128. Received: 224",
        ),
        ("model.input=224x", "model.input: expected auto, or width x height from 32x32 to 1024x1024"),
        ("model.input=31x224", "model.input: expected auto, or width x height from 32x32"),
        ("model.input=224x1025", "model.input: expected auto, or width x height from 32x32"),
        ("head.kind=deep", "head.kind: expected 'linear' or 'dense'. Received: \"deep\""),
        ("head.l2=-1", "head.l2: expected a number greater than or equal to 0. Received: -1"),
        ("head.l2=nan", "head.l2: expected a"),
        ("head.l2=inf", "head.l2: expected a"),
        ("head.dropout=1.0", "head.dropout: expected a number less than 1"),
        ("train.learning_rate=0", "train.learning_rate: expected a number greater than 0"),
        ("train.learning_rate=inf", "train.learning_rate: expected a"),
        ("train.optimizer=adamw", "train.optimizer: expected 'adam', 'rmsprop' or 'sgd'"),
        ("augment.screen=1", "augment.screen: expected a valid boolean"),
        ("augment.zoom=0.5", "augment.zoom: expected two numbers, lower first"),
        ("augment.zoom=[0.5, 0.2]", "augment.zoom: expected two numbers, lower first"),
        ("augment.zoom=[-1, 0.2]", "augment.zoom: expected two numbers, lower first"),
        ("augment.zoom=[0, 0.1, 0.2]", "augment.zoom: expected two numbers, lower first"),
        ("augment.zoom=['a', 'b']", "augment.zoom: expected two numbers, lower first"),
        ("augment.zoom=[false, true]", "augment.zoom: expected two numbers, lower first"),
        ("augment.rotation=0.6", "augment.rotation: expected a number less than or equal to 0.5"),
        ("export.flavours=[]", "export.flavours: expected a list of float32, float16, dynamic_range, int8"),
        ("export.flavours=['int8', 'int8']", "each at most once"),
        ("export.flavours=['int4']", 'Received: ["int4"]'),
        ("export.flavours=int8", 'each at most once. Received: "int8"'),
        (
            "export.calibration_pictures=9",
            "export.calibration_pictures: expected a number greater than or equal",
        ),
        (
            "gate.min_agreement=94",
            "gate.min_agreement: expected a number less than or equal to 1. Received: 94",
        ),
        ("train=5", "train: expected a valid dictionary"),
    ],
)
def test_wrong_value_says_what_is_allowed(from_toml, setting, expected):
    error = refused(from_toml, "", setting)
    assert expected in error.message


@pytest.mark.parametrize("text", ["", "[train]\nfolds = 3", "[data]\nheld_out = 0.3"])
def test_missing_pictures_are_asked_for_by_their_whole_key(from_toml, text):
    error = refused(from_toml, text, pictures="")
    assert "data.pictures is missing" in error.message
    assert error.hint == "add it to the file, or give it with --set data.pictures=..."


def test_broken_toml_names_file_and_line(from_toml):
    error = refused(from_toml, "[train]\nfolds = = 3")
    assert "run.toml: not TOML" in error.message
    assert "line 3" in error.message
    assert error.hint


def test_toml_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "a.toml").write_bytes(b'data.pictures = "caf\xe9"')
    assert "a.toml: not TOML" in refused(load, tmp_path / "a.toml").message


@pytest.mark.parametrize("setting", ["train.folds", "=3", " = 3", ""])
def test_a_setting_without_key_and_value_is_refused(from_toml, setting):
    error = refused(from_toml, "", setting)
    assert error.message == f"--set {setting}: expected key=value"
    assert error.hint == "for example --set train.folds=3"


def test_a_setting_below_a_value_is_refused(from_toml):
    error = refused(from_toml, "seed = 1", "seed.x=3")
    assert error.message == "seed.x: seed is a value, not a table"


def test_settings_override_the_file_and_the_last_one_wins(from_toml):
    config = from_toml("train.folds = 3", "train.folds=4", "model.backbone = tiny", "train.folds=6")
    assert (config.train.folds, config.model.backbone) == (6, "tiny")


@pytest.mark.parametrize(
    ("setting", "value"),
    [("0.5", 0.5), ("1", 1.0), ("1e-4", 1e-4)],
)
def test_numbers_may_be_written_as_toml_has_them(from_toml, setting, value):
    assert from_toml("", f"head.l2={setting}").head.l2 == value


def test_bare_words_and_paths_are_text(from_toml):
    config = from_toml("", "model.weights=a b/c=d.weights.h5", "model.input=224x128")
    assert config.model.weights == "a b/c=d.weights.h5"
    assert config.model.frame == Size(224, 128)
    assert from_toml("").model.frame is None


def test_weights_may_be_a_table_by_backbone(from_toml):
    config = from_toml('model.weights = {mobilenet_v2 = "m.weights.h5"}')
    assert config.model.weights_source == "auto"
    assert from_toml("", "model.backbone=mobilenet_v2").model.weights_source == "auto"
    chosen = from_toml('model = {backbone = "mobilenet_v2", weights = {mobilenet_v2 = "m.weights.h5"}}')
    assert chosen.model.weights_source == "m.weights.h5"


def test_a_misspelt_backbone_in_the_table_of_weights_is_refused(from_toml):
    error = refused(from_toml, 'model.weights = {mobilenetv2 = "m.weights.h5"}')
    assert "mobilenetv2" in error.message


def test_lists_become_a_search_over_every_combination(from_toml):
    config = from_toml("head.l2 = [0.1, 0.01, 0.001]", 'model.backbone=["tiny", "mobilenet_v2"]')
    assert dict(config.search) == {"model.backbone": ("tiny", "mobilenet_v2"), "head.l2": (0.1, 0.01, 0.001)}
    assert (config.model.backbone, config.head.l2) == ("tiny", 0.1)
    grid = config.grid()
    assert len(grid) == 6
    assert {(cell["model.backbone"], cell["head.l2"]) for cell, _ in grid} == {
        (backbone, l2) for backbone in ("tiny", "mobilenet_v2") for l2 in (0.1, 0.01, 0.001)
    }
    for cell, made in grid:
        assert (made.model.backbone, made.head.l2) == (cell["model.backbone"], cell["head.l2"])
        assert made.search == {}
        assert made.train == config.train


def test_without_lists_the_grid_has_one_cell(from_toml):
    config = from_toml("train.folds = 3")
    assert config.grid() == [({}, config)]


def test_a_list_of_one_value_is_that_value(from_toml):
    config = from_toml("", "head.l2=[0.5]")
    assert (config.head.l2, config.search) == (0.5, {})


@pytest.mark.parametrize("values", ["[]", "[0.1, 0.1]", "[0.1, 0.2, 0.1]", "[1, 1.0]"])
def test_a_search_needs_values_each_once(from_toml, values):
    assert (
        "head.l2: a search needs distinct values. Received: ["
        in refused(from_toml, "", f"head.l2={values}").message
    )


@pytest.mark.parametrize(
    "setting", ["train.folds=[3, 5]", "augment.views=[1, 2]", "data.held_out=[0.1, 0.2]", "seed=[0, 1]"]
)
def test_a_list_where_nothing_is_searched_is_refused(from_toml, setting):
    error = refused(from_toml, "", setting)
    key, values = setting.split("=")
    assert f"{key}: expected a valid" in error.message
    assert f"Received: {values}" in error.message
    assert error.hint == "only these keys can be searched with a list of values: " + ", ".join(SEARCHABLE)


def test_every_value_of_a_search_is_checked(from_toml):
    assert "head.l2" in refused(from_toml, "", "head.l2=[0.1, -1]").message
    assert "head.kind" in refused(from_toml, "", 'head.kind=["linear", "deep"]').message


@pytest.mark.parametrize(
    "key",
    [
        "model.backbone",
        "model.input",
        "model.alpha",
        "model.weights",
        "head.kind",
        "head.l2",
        "head.units",
        "head.dropout",
        "train.optimizer",
        "train.learning_rate",
        "train.batch_size",
    ],
)
def test_backbone_frame_head_and_its_settings_can_be_searched(key):
    assert key in SEARCHABLE


def test_search_is_no_key(from_toml):
    for arguments in (("search = {}",), ("", "search=1"), ("[search]\n'head.l2' = [1, 2]",)):
        error = refused(from_toml, *arguments)
        assert "unknown key search" in error.message
        assert error.hint == "to search, give a key a list of values"


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("", ()),
        ("seed = 7\ntrain.class_weights = true\naugment.zoom = [-0.2, 1]", ("model.input=224x128",)),
        (
            "",
            (
                "head.l2=[0.1, 0.2]",
                'model.backbone=["tiny", "mobilenet_v2"]',
                'model.input=["auto", "64x64"]',
            ),
        ),
        ('model.weights = {mobilenet_v2 = "a b.weights.h5", tiny = "none"}', ()),
        ("", ('model.weights=["none", {mobilenet_v2 = "m.weights.h5"}]', "train.learning_rate=[1, 0.1]")),
        ("export.flavours = ['int8']", ()),
    ],
)
def test_what_is_dumped_loads_to_the_same(from_toml, tmp_path, text, settings):
    config = from_toml(text, *settings, pictures="Bilder/été 日本")
    path = tmp_path / "dumped.toml"
    path.write_text(dump(config), "utf-8")
    again = load(path)
    assert again == config
    assert again.search == config.search
    assert differing_keys(config, again) == []
    assert dump(again) == dump(config)


def keys_of_a_run() -> set[str]:
    """How pictures were collected is no part of a run."""
    return {k for k in configuration._known_keys(Config) if not k.startswith(("channels", "collect."))}


def test_the_whole_configuration_is_dumped(tmp_path):
    text = dump(load(tmp_path))
    for key in keys_of_a_run():
        assert f"{key.rpartition('.')[2]} = " in text


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        (["head.l2=0.5"], ["head.l2"]),
        (["train.folds=3", "seed=1"], ["seed", "train.folds"]),
        (["head.l2=[0.003, 0.5]"], ["head.l2"]),
        (["model.weights={tiny='none'}"], ["model.weights"]),
        (["augment.zoom=[-0.2, 0.2]"], ["augment.zoom"]),
        ([], []),
        (["head.l2=0.25"], ["head.l2"]),
        (["train.folds=5"], []),
    ],
)
def test_differing_keys_are_named(from_toml, settings, keys):
    assert differing_keys(from_toml(""), from_toml("", *settings)) == keys


def test_flat_holds_every_key_once(tmp_path):
    leaves = flat(load(Path(tmp_path), ["head.l2=[0.1, 0.2]"]))
    assert set(leaves) == keys_of_a_run()
    assert leaves["head.l2"] == [0.1, 0.2]
    assert leaves["train.folds"] == 5


CHANNELS = """
[[channels]]
channel = "@alpha"
label = "alpha"
[[channels]]
channel = "https://www.youtube.com/channel/UCabcdefghijklmnopqrstuv/shorts"
label = "Zo\u00e9 & co"
"""


def test_channels_are_read_and_their_labels_normalized(from_toml):
    channels = from_toml(CHANNELS.replace("\u00e9", "e\u0301")).channels
    assert [channel.label for channel in channels] == ["alpha", "Zo\u00e9 & co"]


def test_how_pictures_are_collected_reaches_no_run(from_toml):
    config = from_toml(
        CHANNELS, "collect.cookies=secret.txt", "collect.proxy=http://host:1", "collect.train=7"
    )
    text = dump(config)
    assert [word for word in ("secret", "host:1", "@alpha", "collect", "channels") if word in text] == []
    assert differing_keys(config, from_toml("")) == []


@pytest.mark.parametrize(
    "channel", ["", "alpha", "@../x", "@a\nb", "https://evil.example/@alpha", "@x/about"]
)
def test_a_channel_that_is_none_is_refused(from_toml, channel):
    error = refused(from_toml, "", f"channels=[{{channel={channel!a}, label='a'}}]".replace("'", '"'))
    assert "channels.0.channel: expected @handle, or the address of a channel" in error.message


@pytest.mark.parametrize(
    "label", ["", ".", "..", "../up", "a/b", "a\\b", " a", "train", "a\nb", "a\u202eb", "x" * 101, ".hidden"]
)
def test_a_label_that_is_no_folder_name_is_refused(from_toml, label):
    import json

    error = refused(from_toml, "", f'channels=[{{channel="@alpha", label={json.dumps(label)}}}]')
    assert "channels.0.label: expected one folder name" in error.message


def test_a_channel_stands_there_once_however_it_is_written(from_toml):
    text = '[{channel="@alpha", label="a"}, {channel="https://youtube.com/@alpha/videos", label="b"}]'
    assert "channels: expected each channel only once" in refused(from_toml, "", f"channels={text}").message


def test_labels_differ_in_more_than_their_case(from_toml):
    text = '[{channel="@alpha", label="Ted"}, {channel="@beta", label="ted"}]'
    said = refused(from_toml, "", f"channels={text}").message
    assert "channels: expected labels that differ in more than case" in said


@pytest.mark.parametrize("proxy", ["http://me:pa%20ss@host:1", "socks5://me:p@ss/w@host", "me:secret@host"])
def test_a_proxy_with_a_password_is_refused_and_not_repeated(from_toml, proxy):
    error = refused(from_toml, "", f"collect.proxy={proxy}")
    assert "HTTPS_PROXY in the environment" in error.message
    assert "me:" not in error.message


@pytest.mark.parametrize(
    "proxy", ["http://127.0.0.1:3128", "https://proxy.example/", "socks5h://host:9050", ""]
)
def test_a_proxy_is_an_address(from_toml, proxy):
    assert from_toml("", f"collect.proxy='{proxy}'").collect.proxy == proxy


def test_the_ready_configuration_spells_out_how_thumbnails_are_collected():
    path = ROOT / "configs" / "thumbnails.toml"
    config = load(path)
    assert config.collect == Collect()
    assert tomllib.loads(path.read_text("utf-8"))["collect"].keys() == Collect.model_fields.keys()
    assert len(config.channels) == 3


def test_keys_of_the_version_before_are_read_and_named(tmp_path):
    config = configuration.load(tmp_path, ["train.choose=false", "train.keep_correct=0.9"])
    assert not config.train.select_best_epoch
    assert config.train.min_correct_coverage == 0.9
    assert config.renamed == ("train.choose", "train.keep_correct")
    assert "renamed" not in configuration.dump(config)


def test_the_new_name_of_a_key_goes_before_the_old_one(tmp_path):
    both = configuration.load(tmp_path, ["train.choose=false", "train.select_best_epoch=true"])
    assert both.train.select_best_epoch
    assert both.renamed == ("train.choose",)


def test_a_key_that_is_gone_says_so(tmp_path):
    with pytest.raises(ConfigError, match=r"unknown key collect\.max_kb_s") as caught:
        configuration.load(tmp_path, ["collect.max_kb_s=10"])
    assert caught.value.hint.startswith("remove it: ")
