"""Members on a chain, rebuilt from the registry's events."""

from __future__ import annotations

from collections.abc import Sequence

from node.chain_ledger.link import ChainLink
from node.chain_records import join_fields, member_from
from node.records.chain import Address
from node.records.members import JoinRequest, Member, Recovery


class ChainMembers(ChainLink):
    """Members: who joined, and who may move them."""

    def join(self, request: JoinRequest, member_signature: bytes, voucher_signature: bytes) -> int:
        receipt = self._send("MemberRegistry", "join", join_fields(request), member_signature, voucher_signature)
        return int(self._logged(receipt, "MemberJoined").args["memberId"])

    def members(self) -> Sequence[Member]:
        log, now = self._log.refreshed(), self._rpc.now()
        return tuple(member_from(log, joined, now) for joined in log.named("MemberJoined"))

    def member(self, account: Address) -> Member | None:
        return next((member for member in self.members() if member.account == account), None)

    def recovery(self, member_id: int) -> Recovery:
        recovery, moving_to, acceptable_from = self._call("MemberRegistry", "recoveryOf", member_id)
        return Recovery(
            recovery=_none_if_zero(recovery), moving_to=_none_if_zero(moving_to), acceptable_from=acceptable_from
        )

    def recovery_delay(self) -> int:
        return int(self._call("MemberRegistry", "recoveryDelaySeconds"))


def _none_if_zero(account: str) -> Address | None:
    return Address(account) if int(account, 16) else None
