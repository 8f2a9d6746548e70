"""What every page's data starts from: plain frozen models, the state of the chain they are of, who is named.

Numbers that can pass 2^53 (wei, proposal ids, weights) are decimal text in JSON, bytes are 0x hex; losses, gains and
scores are integers in millionths; times are Unix seconds unless a name says otherwise.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer

Big = Annotated[int, PlainSerializer(str, return_type=str)]
Hex = Annotated[bytes, PlainSerializer(lambda data: "0x" + data.hex(), return_type=str)]


class Model(BaseModel):
    """Plain, frozen data."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AsOf(Model):
    """Which state of the chain the data is of."""

    block: int
    block_hash: Hex
    block_time: int
    polled_at: float
    age_seconds: int
    stale: bool
    words: str


class MissingContent(Model):
    """Content that could not be shown."""

    cid: str
    reason: str


class Page(Model):
    """What every page carries."""

    as_of: AsOf
    missing: list[MissingContent]


class Who(Model):
    """An account, with its member's name where it has one."""

    account: str
    member_id: int | None
    name: str
