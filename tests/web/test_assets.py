"""Files of ``static/``: small ones are kept in memory, large ones are read when somebody asks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pwserver.web.assets import KEPT_BYTES, Assets


def test_a_large_file_is_not_kept_and_not_sent_as_another(tmp_path: Path) -> None:
    large, small = tmp_path / "large.js", tmp_path / "small.js"
    large.write_bytes(b"a" * (KEPT_BYTES + 1))
    small.write_bytes(b"a" * KEPT_BYTES)
    assets = Assets(tmp_path)
    assert {path: asset.kept is None for path, asset in assets.files.items()} == {"large.js": True, "small.js": False}
    assert assets.files["large.js"].body == large.read_bytes()
    for file in (large, small):
        file.write_bytes(b"b" * (KEPT_BYTES + 1))
    assert assets.files["small.js"].body == b"a" * KEPT_BYTES
    with pytest.raises(FileNotFoundError, match=r"static/large\.js has been replaced"):
        assets.files["large.js"].body  # noqa: B018


def test_the_shipped_files_that_are_not_kept_are_those_of_the_pages_about_the_api() -> None:
    large = {path for path, asset in Assets().files.items() if asset.kept is None}
    assert large == {"vendor/redoc/redoc.standalone.js", "vendor/swagger-ui/swagger-ui-bundle.js"}
