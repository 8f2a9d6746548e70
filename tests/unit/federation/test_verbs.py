"""What the verbs make of files and settings before they touch a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from federation.verbs.network import _spec_text
from node.errors import ConfigError


def test_a_spec_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_text('name = "é"', encoding="utf-8")

    assert _spec_text(path) == 'name = "é"'


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"], ids=["missing", "not text"])
def test_a_spec_file_that_cannot_be_read_is_named_with_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "spec.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"expected a readable TOML file, got .*spec\.toml .*name another file"):
        _spec_text(path)
