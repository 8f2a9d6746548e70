// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRunDisputes} from "../interfaces/IRunDisputes.sol";
import {ITrainingRuns} from "../interfaces/ITrainingRuns.sol";
import {RunStore} from "./RunStore.sol";

/// @title Disputes, voids and pauses of runs.
abstract contract RunDisputes is RunStore {
    /// @notice May dispute open rounds, settle disputes and pause runs for a while. Held by the incident contract, and
    /// by the guardian's, which pauses alone; DEFAULT_ADMIN_ROLE (the timelock) can take it away.
    bytes32 public constant INCIDENT_ROLE = keccak256("INCIDENT_ROLE");

    uint40 private constant MAX_PAUSE = 7 days;

    /// @inheritdoc IRunDisputes
    function dispute(uint256 runId, uint32 number) external onlyRole(INCIDENT_ROLE) {
        Stored storage stored = _existing(runId);
        Troubles storage troubles = stored.troubles;
        if (troubles.round != 0) revert AnotherDispute(runId, troubles.round);
        RoundStatus status = _status(stored, number);
        if (status != RoundStatus.Committed) revert RoundNotOpen(runId, number, uint8(status));

        // While rounds are held, those due in the meantime are not final: the freeze began with the last dispute then.
        if (block.timestamp >= troubles.heldUntil) troubles.frozenFrom = uint40(block.timestamp);
        troubles.round = number;
        emit RoundDisputed(runId, number);
    }

    /// @inheritdoc IRunDisputes
    function settleDispute(uint256 runId, uint32 number, bool voided) external onlyRole(INCIDENT_ROLE) {
        Stored storage stored = _existing(runId);
        Troubles storage troubles = stored.troubles;
        if (number == 0 || troubles.round != number) revert NotDisputed(runId, number);
        troubles.round = 0;
        troubles.heldUntil = uint40(block.timestamp) + stored.stand.disputeWindowSeconds;
        emit DisputeSettled(runId, number, voided, troubles.heldUntil);
        if (voided) _void(stored, runId, number);
    }

    /// @inheritdoc ITrainingRuns
    function restoreHead(uint256 runId, RoundData calldata data) external {
        Stored storage stored = _existing(runId);
        Stand storage stand = stored.stand;
        if (!stand.lost) revert HeadKnown(runId);
        uint32 lostAt = stored.troubles.lostAt;
        _requireData(stored, runId, lostAt, data);
        stand.lost = false;
        stand.cumulativeReward = data.cumulativeReward - data.reward;
        if (stored.troubles.movedAfter < lostAt) stored.headDigest = data.parentDigest;
        emit HeadRestored(runId, stand.headRound, stored.headDigest, stand.cumulativeReward);
    }

    /// @inheritdoc IRunDisputes
    function pause(uint256 runId, uint48 until) external onlyRole(INCIDENT_ROLE) {
        Stored storage stored = _existing(runId);
        uint40 began = stored.troubles.pausedFrom;
        uint40 earliest = stored.stand.pausedUntil;
        if (block.timestamp >= earliest) {
            // Free for as long as it was paused: pauses cannot be chained.
            uint40 freeUntil = earliest + (earliest - began);
            if (block.timestamp < freeUntil) revert PauseTooSoon(runId, freeUntil);
            began = uint40(block.timestamp);
            earliest = began + 1;
        }
        uint40 latest = began + MAX_PAUSE;
        if (until < earliest || until > latest) revert PauseOutOfRange(runId, until, earliest, latest);
        stored.troubles.pausedFrom = began;
        stored.stand.pausedUntil = uint40(until);
        emit RunPaused(runId, until);
    }

    /// @inheritdoc IRunDisputes
    function unpause(uint256 runId) external onlyRole(INCIDENT_ROLE) {
        Stand storage stand = _existing(runId).stand;
        if (block.timestamp < stand.pausedUntil) stand.pausedUntil = uint40(block.timestamp);
        emit RunUnpaused(runId);
    }

    /// @dev Spans that the new one reaches back over are swallowed, each once.
    function _void(Stored storage stored, uint256 runId, uint32 from) private {
        Stand storage stand = stored.stand;
        Span[] storage spans = stored.spans;
        while (spans.length > 0 && spans[spans.length - 1].from >= from) spans.pop();
        spans.push(Span(from, stand.lastRound));
        stored.troubles.voidedUpTo = stand.lastRound;
        stored.troubles.lostAt = from;
        stand.headRound = stored.rounds[from].parentRound;
        stand.lost = true;
        // Where a vote moved the head after the voided round began, the vote's choice stands.
        stored.headDigest = stored.troubles.movedAfter < from ? bytes32(0) : stored.movedDigest;
        emit RoundsVoided(runId, from, stand.lastRound, stand.headRound);
    }
}
