"""The ledger port on a real chain: translates records and errors, decides nothing.

Members, artifacts, runs, rounds and epochs are rebuilt from events, which never change; what depends on the present
time or on a balance is asked of the contracts.
"""

from __future__ import annotations

from node.chain_ledger.artifacts import ChainArtifacts
from node.chain_ledger.epochs import ChainEpochs
from node.chain_ledger.governance import ChainGovernance
from node.chain_ledger.incidents import ChainIncidents
from node.chain_ledger.members import ChainMembers
from node.chain_ledger.proposals import ChainProposals


class ChainLedger(ChainMembers, ChainArtifacts, ChainIncidents, ChainEpochs, ChainGovernance, ChainProposals):
    """A deployment of the contracts, read by anybody, written to by the holder of `key`.

    Safe to use from several threads. Every method raises DaemonUnavailable when the chain's node does not answer.
    """
