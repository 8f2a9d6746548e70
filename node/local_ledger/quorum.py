"""EvaluatorQuorum in memory: K distinct, active evaluators signed it."""

from __future__ import annotations

from collections.abc import Sequence

from node.errors import LedgerRefused
from node.local_ledger.registries import MemberRegistry
from node.local_ledger.world import recover_or_refuse
from node.records.chain import Address, Domain
from node.records.members import Role
from node.records.merit import EpochCommit
from node.records.rounds import RoundCommit


def require_quorum(
    members: MemberRegistry,
    domain: Domain,
    commit: RoundCommit | EpochCommit,
    signatures: Sequence[bytes],
    needed: int,
) -> None:
    """At least `needed` signatures, strictly ascending by signer, each of an active evaluator."""
    if len(signatures) < needed:
        raise LedgerRefused("QuorumNotReached", {"given": len(signatures), "needed": needed})
    previous = Address("0x" + "0" * 40)
    for signature in signatures:
        signer = recover_or_refuse(domain, commit, signature)
        if int(signer, 16) <= int(previous, 16):
            raise LedgerRefused("SignersNotAscending", {"previous": previous, "signer": signer})
        if not members.is_active(signer, Role.EVALUATOR):
            raise LedgerRefused("NotAnActiveEvaluator", {"signer": signer})
        previous = signer
