// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

import {ITrainingRuns} from "../interfaces/ITrainingRuns.sol";

/// @title What TrainingRuns keeps, laid out by how often it is written, and how a round's state is read from it.
abstract contract RunStore is ITrainingRuns, AccessControl {
    /// @dev One slot, written by every round. `lost`: a void took the head away and nobody has brought it back yet.
    struct Stand {
        uint32 headRound;
        uint32 lastRound;
        uint96 cumulativeReward;
        uint40 pausedUntil;
        uint8 quorum;
        uint32 disputeWindowSeconds;
        bool lost;
    }

    /// @dev One slot, read by every round. `hash` is that of spec and dataset, its first 20 bytes: a commit checks both by
    /// one read. Two pairs with one hash cost 2^80 hashes, a vote for one of them and K evaluators to sign the other.
    struct Terms {
        bytes20 hash;
        uint96 rewardCap;
    }

    /// @dev One slot, written by incidents and votes alone. While `round` is under dispute, only what was due by
    /// `frozenFrom` is final; afterwards the rest is held until `heldUntil`. `voidedUpTo` is the last voided round, `lostAt`
    /// the first one of the last void; `movedAfter` the last round before a vote last moved the head.
    struct Troubles {
        uint32 round;
        uint40 frozenFrom;
        uint40 heldUntil;
        uint40 pausedFrom;
        uint32 voidedUpTo;
        uint32 lostAt;
        uint32 movedAfter;
    }

    /// @dev Voided rounds `from` to `to`.
    struct Span {
        uint32 from;
        uint32 to;
    }

    /// @dev `spans` are apart and ascending.
    struct Stored {
        Stand stand;
        Terms terms;
        bytes32 headDigest;
        Troubles troubles;
        uint16 vestedBps;
        uint32 vestingSeconds;
        uint32 specVersion;
        bytes32 specDigest;
        bytes32 datasetDigest;
        bytes32 movedDigest;
        Span[] spans;
        mapping(uint32 number => Round) rounds;
    }

    mapping(uint256 runId => Stored) internal _runs;

    function _existing(uint256 runId) internal view returns (Stored storage found) {
        found = _runs[runId];
        if (found.stand.quorum == 0) revert UnknownRun(runId);
    }

    function _status(Stored storage stored, uint32 number) internal view returns (RoundStatus) {
        uint40 finalAt = stored.rounds[number].finalAt;
        if (finalAt == 0) return RoundStatus.None;
        Troubles storage troubles = stored.troubles;
        if (number <= troubles.voidedUpTo && _isVoided(stored.spans, number)) return RoundStatus.Voided;
        if (number == troubles.round) return RoundStatus.Disputed;
        return _isDue(finalAt, troubles) ? RoundStatus.Final : RoundStatus.Committed;
    }

    function _requireFinal(uint256 runId, uint32 number, RoundData calldata data)
        internal
        view
        returns (Stored storage stored)
    {
        stored = _runs[runId];
        if (_status(stored, number) != RoundStatus.Final) revert RoundNotFinal(runId, number);
        _requireData(stored, runId, number, data);
    }

    function _requireData(Stored storage stored, uint256 runId, uint32 number, RoundData calldata data)
        internal
        view
    {
        bytes23 seal = _seal(
            data.contributionsRoot, data.checkpointDigest, data.parentDigest, data.cumulativeReward, data.reward
        );
        if (stored.rounds[number].seal != seal) revert WrongRoundData(runId, number);
    }

    /// @dev 184 bits: two sets of data with one seal cost about 2^92 hashes, and K evaluators to sign one of them.
    function _seal(
        bytes32 contributionsRoot,
        bytes32 checkpointDigest,
        bytes32 parentDigest,
        uint96 cumulativeReward,
        uint96 reward
    ) internal pure returns (bytes23) {
        return bytes23(
            keccak256(abi.encode(contributionsRoot, checkpointDigest, parentDigest, cumulativeReward, reward))
        );
    }

    function _terms(bytes32 specDigest, bytes32 datasetDigest) internal pure returns (bytes20) {
        return bytes20(keccak256(abi.encode(specDigest, datasetDigest)));
    }

    function _isDue(uint40 finalAt, Troubles storage troubles) private view returns (bool) {
        if (block.timestamp < finalAt) return false;
        return finalAt <= troubles.frozenFrom || (troubles.round == 0 && block.timestamp >= troubles.heldUntil);
    }

    /// @dev From the newest span back: claims and epochs ask about new rounds, and voids are rare.
    function _isVoided(Span[] storage spans, uint32 number) private view returns (bool) {
        for (uint256 i = spans.length; i > 0; --i) {
            if (number > spans[i - 1].to) return false;
            if (number >= spans[i - 1].from) return true;
        }
        return false;
    }
}
