"""Speaks to an API's relay: a member signs, the relayer pays, nobody needs gas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import IntEnum, IntFlag
from typing import Any

import requests

from node.errors import ConfigError, DaemonUnavailable
from node.records.artifacts import Registration
from node.records.members import JoinRequest
from node.records.proposals import Action, Ballot, ProposalStatement, Sponsor
from node.records.rounds import ContributionLeaf
from node.signed_requests import MemberRequest

_TIMEOUT_SECONDS = 90.0
_NARROW_BITS = 53
"""Larger integers travel as decimal text."""


class RelayClient:
    """One API by its address, e.g. http://127.0.0.1:8080."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def join(self, request: JoinRequest, signature: bytes, voucher: bytes) -> int:
        """Returns the member id."""
        return int(self._post("join", {**_json(request), "signature": _hex(signature), "voucher": _hex(voucher)}))

    def register_artifact(self, registration: Registration, signature: bytes) -> bytes:
        """Returns the digest."""
        answer = self._post("artifact", {**_json(registration), "signature": _hex(signature)})
        return bytes.fromhex(answer.removeprefix("0x"))

    def submit(self, request: MemberRequest, signature: bytes) -> bytes:
        """Any other signed request. Returns the transaction hash."""
        body = {"request": type(request).__name__, "values": _json(request), "signature": _hex(signature)}
        return bytes.fromhex(self._post("request", body).removeprefix("0x"))

    def propose(
        self, statement: ProposalStatement, actions: Sequence[Action], description: str, sponsors: Sequence[Sponsor]
    ) -> int:
        """Returns the proposal id."""
        body = {
            **_json(statement),
            "actions": [_json(a) for a in actions],
            "description": description,
            "sponsors": [_json(s) for s in sponsors],
        }
        return int(self._post("proposal", body))

    def cast_ballot(self, ballot: Ballot, signature: bytes) -> int:
        """Returns the weight that was counted."""
        return int(self._post("ballot", {**_json(ballot), "signature": _hex(signature)}))

    def queue(self, proposal_id: int) -> None:
        """Queue a proposal that succeeded."""
        self._post(f"queue/{proposal_id}", {})

    def execute(self, proposal_id: int) -> None:
        """Execute a queued proposal whose delay is over."""
        self._post(f"execute/{proposal_id}", {})

    def lapse(self, case_id: int) -> None:
        """End a case past its deadline."""
        self._post(f"lapse/{case_id}", {})

    def withdraw_bond(self, member_id: int) -> None:
        """Have paid out what the delay is over for."""
        self._post(f"withdraw/{member_id}", {})

    def claim(self, leaf: ContributionLeaf, proof: Sequence[bytes]) -> int:
        """Returns the amount paid to the leaf's account, in wei."""
        return int(self._post("claim", {**_json(leaf), "proof": [_hex(p) for p in proof]}))

    def _post(self, path: str, body: Mapping[str, Any]) -> str:
        url = f"{self.url}/api/relay/{path}"
        try:
            response = requests.post(url, json=dict(body), timeout=_TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise DaemonUnavailable(
                f"expected an API at {self.url}, it does not answer ({error}); `tenwings up`?"
            ) from error
        if response.status_code >= 500:
            raise DaemonUnavailable(f"{url} answered {response.status_code}: {_reason(response)}")
        if not response.ok:
            raise ConfigError(f"the relay refused: {_reason(response)}")
        try:
            return str(response.json()["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise DaemonUnavailable(
                f'expected {{"id": ...}} from {url}, got {response.text[:80]!r}; is it an API of Ten Wings?'
            ) from error


def _reason(response: requests.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return response.text[:300]
    if isinstance(body, dict):
        for key in ("message", "detail", "error"):
            if body.get(key):
                return str(body[key])
    return str(body)[:300]


def _json(record: Any) -> dict[str, Any]:
    assert is_dataclass(record)
    return {f.name: _value(getattr(record, f.name)) for f in fields(record)}


def _value(value: Any) -> Any:
    if isinstance(value, bytes):
        return _hex(value)
    if isinstance(value, IntEnum | IntFlag):
        return int(value)
    if isinstance(value, int) and value.bit_length() > _NARROW_BITS:
        return str(value)
    if isinstance(value, tuple | list):
        return [_value(item) for item in value]
    return value


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
