// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IMeritEpochs} from "../interfaces/IMeritEpochs.sol";
import {ProposalKinds} from "./ProposalKinds.sol";

/// @title What each kind must reach to pass. Who abstains helps no side to its quorum.
abstract contract TwoHouses is ProposalKinds {
    /// @notice The weight that must vote for a standard proposal with its snapshot at `timepoint`.
    function quorum(uint256 timepoint) public view override returns (uint256) {
        return _share(epochs().epoch(_requireFinalEpoch(timepoint)).totalWeight, rulesAt(timepoint).quorumBps);
    }

    function hurdles(uint256 proposalId) public view returns (Hurdles memory needed) {
        uint256 snapshot = proposalSnapshot(proposalId);
        IMeritEpochs.Epoch memory epoch = epochs().epoch(_requireFinalEpoch(snapshot));
        Rules memory rules = rulesAt(snapshot);
        Kind kind = _kindIn(proposalId);
        if (kind == Kind.Routine) {
            needed.vetoWeight = _share(epoch.totalWeight, rules.vetoBps);
        } else if (kind == Kind.Standard) {
            needed.forWeight = _share(epoch.totalWeight, rules.quorumBps);
        } else {
            needed.forWeight = _share(epoch.totalWeight, rules.constitutionalQuorumBps);
            needed.forHeads = _share(epoch.count, rules.headsQuorumBps);
            needed.majorityBps = rules.majorityBps;
        }
    }

    function _quorumReached(uint256 proposalId) internal view override returns (bool reached) {
        (reached,) = _standing(proposalId);
    }

    function _voteSucceeded(uint256 proposalId) internal view override returns (bool succeeded) {
        (, succeeded) = _standing(proposalId);
    }

    /// @dev Whether the quorum is reached, and whether more are for it, as the kind counts that, or it is not vetoed.
    function _standing(uint256 proposalId) internal view returns (bool reached, bool succeeded) {
        Hurdles memory needed = hurdles(proposalId);
        (uint256 against, uint256 inFavour,) = proposalVotes(proposalId);
        (uint256 headsAgainst, uint256 headsFor,) = proposalHeads(proposalId);
        reached = inFavour >= needed.forWeight && headsFor >= needed.forHeads;
        Kind kind = _kindIn(proposalId);
        if (kind == Kind.Routine) {
            succeeded = against < needed.vetoWeight;
        } else if (kind == Kind.Standard) {
            succeeded = inFavour > against;
        } else {
            succeeded = headsFor > headsAgainst && inFavour * BPS >= (inFavour + against) * needed.majorityBps;
        }
    }

    /// @dev Rounded up: a share is never reached by less.
    function _share(uint256 whole, uint256 bps) private pure returns (uint256) {
        return Math.ceilDiv(whole * bps, BPS);
    }
}
