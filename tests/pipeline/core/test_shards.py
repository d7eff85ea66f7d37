from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core import shards
from pipeline.core.recipes import Recipe
from pipeline.core.shards import Shard


def test_what_a_killed_process_left_of_a_shard_keeps_its_recipe(tmp_path, monkeypatch):
    """Otherwise another version would go on with it."""
    monkeypatch.chdir(tmp_path)
    recipe = Recipe("features", 2, {})
    with shards.making(recipe, Shard(1, 2)) as folder:
        for name in ("a.bin", "z.bin"):
            (folder / name).touch()
    left: list[list[str]] = []
    unlink = Path.unlink

    def watched(path: Path, **options: bool) -> None:
        left.append(sorted(entry.name for entry in folder.iterdir()))
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", watched)
    assert shards.take_in(recipe, lambda _: None) == ["1/2"]
    monkeypatch.undo()
    assert [names for names in left if "recipe.json" not in names] == []
    with shards.making(Recipe("features", 3, {}), Shard(1, 2)):
        pass
    with pytest.raises(shards.RunError), shards.making(recipe, Shard(1, 2)):
        pass
