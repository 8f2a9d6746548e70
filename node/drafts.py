"""A proposal on its way to enough signatures: made by its proposer, handed on from sponsor to sponsor as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from node.errors import ConfigError
from node.identity import Identity
from node.records.chain import Address, Domain
from node.records.proposals import Action, ProposalStatement, Sponsor
from node.typed_data import sign


@dataclass(frozen=True, kw_only=True)
class ProposalDraft:
    """What is proposed and who signed so far."""

    statement: ProposalStatement
    actions: tuple[Action, ...]
    description: str
    sponsors: tuple[Sponsor, ...] = ()
    """Ascending by account, as the chain wants them."""

    def signed_by(self, identity: Identity, domain: Domain) -> ProposalDraft:
        """With one more signature; signing twice changes nothing. `domain` is the governor's."""
        mine = Sponsor(account=identity.address, signature=sign(identity, domain, self.statement))
        others = [s for s in self.sponsors if s.account != mine.account]
        return replace(self, sponsors=tuple(sorted([*others, mine], key=lambda s: int(s.account, 16))))

    def save(self, path: Path) -> None:
        """As JSON: bytes in hex, the id as decimal text."""
        said = self.statement
        body = {
            "proposer": said.proposer,
            "proposal_id": str(said.proposal_id),
            "deadline": said.deadline,
            "description": self.description,
            "actions": [
                {"target": a.target, "calldata": a.calldata.hex(), "value": str(a.value)} for a in self.actions
            ],
            "sponsors": [{"account": s.account, "signature": s.signature.hex()} for s in self.sponsors],
        }
        path.write_text(json.dumps(body, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> ProposalDraft:
        """Raises ConfigError when the file is no draft."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            statement = ProposalStatement(
                proposer=Address(raw["proposer"]), proposal_id=int(raw["proposal_id"]), deadline=int(raw["deadline"])
            )
            return cls(
                statement=statement,
                actions=tuple(
                    Action(target=a["target"], calldata=bytes.fromhex(a["calldata"]), value=int(a["value"]))
                    for a in raw["actions"]
                ),
                description=str(raw["description"]),
                sponsors=tuple(
                    Sponsor(account=s["account"], signature=bytes.fromhex(s["signature"])) for s in raw["sponsors"]
                ),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path}: expected a proposal as `tenwings propose --draft` writes it, got {error!r}"
            ) from error
