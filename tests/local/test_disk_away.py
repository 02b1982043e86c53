"""The disk of a store may be away for a while: nobody takes its place, and nothing of it counts as missing."""

from pathlib import Path

import pytest

from pacs import bootstrap
from pacs.errors import ObjectNotFound, StoreUnavailable
from pacs.settings import Settings

KEY = "ai/a.json"


def test_a_process_that_begins_while_the_disk_is_away_makes_no_folder_in_its_place(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    bootstrap.local_secrets(settings).create()
    bootstrap.local_store(settings, "exchange").put(KEY, b"kept")  # as the start does
    (tmp_path / "ready.json").write_text("{}")
    root = tmp_path / "store" / "exchange"
    root.rename(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailable):
        bootstrap.local_store(settings, "exchange")
    assert not root.exists()
    (tmp_path / "elsewhere").rename(root)
    assert bootstrap.local_store(settings, "exchange").get(KEY)[1] == b"kept"


def test_what_is_back_was_not_missing(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    bootstrap.local_secrets(settings).create()
    store = bootstrap.local_store(settings, "exchange")
    root = tmp_path / "store" / "exchange"
    store.put(KEY, b"kept")
    root.rename(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailable):
        store.head(KEY)
    (tmp_path / "elsewhere").rename(root)
    assert isinstance(store._missing(KEY), StoreUnavailable)  # opening it had failed before the disk was back
    with pytest.raises(ObjectNotFound):
        store.head("ai/b.json")
