"""A form: one kind of decision, from words to a plan of calls with a text that says the effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from eth_utils.address import is_address, to_checksum_address

from node.abi_codec import abi_of
from node.membership import MemberDesk
from node.records.chain import Address
from node.records.proposals import Action

TRAIN_TOGETHER, MERIT_IS_EARNED, NO_ONE_RULES_ALONE, ALL_CAN_BE_CHECKED, RESPECT, SAFETY, A_COMMUNITY_THAT_LASTS = (
    range(1, 8)
)
"""Articles of the charter that ships with the project; what a form serves unless --article says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A proposal before anybody signs it."""

    actions: tuple[Action, ...]
    effect: str
    """One sentence: what it does."""
    article: int
    changes: Mapping[str, tuple[str, str]]
    """By setting: before and after; empty where the effect says it all."""

    def text(self, why: str) -> str:
        """The effect, and the proposer's reason."""
        return self.effect + (f"\n\n{why}" if why else "")


@dataclass(frozen=True, kw_only=True)
class Form:
    """One kind of decision."""

    usage: str
    contract: str
    function: str
    article: int
    build: Callable[[MemberDesk, int, Sequence[str]], tuple[Sequence[Any], str, Mapping[str, tuple[str, str]]]]
    """(desk, run id, words) to the call's arguments, the effect, and what changes. Raises ValueError."""
    many: bool = False
    """Whether `build` gives whole calls: (contract, function, arguments) each."""

    @property
    def offered(self) -> bool:
        """Whether the deployed contracts have the function."""
        return self.function in abi_of(self.contract).functions


def numbers(current: Any, words: Sequence[str]) -> tuple[Any, dict[str, tuple[str, str]]]:
    """A record of numbers with NAME=VALUE applied, and what that changes. Raises ValueError."""
    known = [f.name for f in fields(current)]
    wanted: dict[str, int] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in known or not value.isdecimal():
            raise ValueError(f"expected NAME=NUMBER with a name of {', '.join(known)}, got {word!r}")
        wanted[name] = int(value)
    changes = {n: (str(getattr(current, n)), str(v)) for n, v in wanted.items() if getattr(current, n) != v}
    if not changes:
        raise ValueError(f"expected a change, got {' '.join(words) or 'nothing'}, which is in force already")
    return replace(current, **wanted), changes


def told(changes: Mapping[str, tuple[str, str]]) -> str:
    """Changes in words."""
    return ", ".join(f"{name} from {before} to {after}" for name, (before, after) in changes.items())


def exactly(words: Sequence[str], count: int) -> Sequence[str]:
    """The words, which must be so many. Raises ValueError."""
    if len(words) != count:
        raise ValueError(f"expected {count} words, got {len(words)}")
    return words


def address_in(text: str) -> Address:
    """An address with its checksum. Raises ValueError."""
    if not is_address(text):
        raise ValueError(f"expected a 0x address of 42 characters, got {text!r}")
    return Address(to_checksum_address(text))


def form(usage: str, call: str, article: int, build: Any, *, many: bool = False) -> tuple[str, Form]:
    """A form by its word; `call` is CONTRACT.FUNCTION."""
    contract, function = call.split(".")
    made = Form(usage=usage, contract=contract, function=function, article=article, build=build, many=many)
    return usage.split()[0], made
