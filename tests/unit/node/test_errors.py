"""A refusal of the chain says what the rule is, in the contract's own words."""

from __future__ import annotations

from node.errors import LedgerRefused


def test_a_refusal_shows_bytes_in_hex_and_says_what_the_rule_is() -> None:
    refused = LedgerRefused("ParentNotUsable", {"parent": b"\x01" * 32, "state": 5})

    assert str(refused) == (
        f"the chain refused: ParentNotUsable(parent=0x{'01' * 32}, state=5): "
        "A parent is frozen or taken down: nothing new is made from it."
    )


def test_an_error_of_a_library_stands_by_its_name_alone() -> None:
    assert str(LedgerRefused("GovernorInvalidVoteType")) == "the chain refused: GovernorInvalidVoteType()"
