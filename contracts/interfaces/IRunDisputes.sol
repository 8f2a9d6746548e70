// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What incidents do to a run: rounds disputed, voided or cleared, commits paused for a while.
/// @notice While a dispute is open nothing more of the run becomes final; once it is settled, what was not final yet
/// stays open for another dispute window. So a fault found meanwhile can still be disputed.
interface IRunDisputes {
    /// @notice The round is under dispute: it is not final, and neither is what was open beside it.
    event RoundDisputed(uint256 indexed runId, uint32 indexed round);

    /// @notice The dispute ended; nothing that was open becomes final before `heldUntil` (Unix seconds).
    event DisputeSettled(uint256 indexed runId, uint32 indexed round, bool voided, uint48 heldUntil);

    /// @notice Rounds `fromRound` to `toRound`, those of them that were not voided before, count no more. The run stands
    /// at `headRound` again; the next round's number is `toRound` + 1.
    event RoundsVoided(uint256 indexed runId, uint32 fromRound, uint32 toRound, uint32 headRound);

    /// @notice The head that a void took away is known again.
    event HeadRestored(uint256 indexed runId, uint32 headRound, bytes32 checkpointDigest, uint96 cumulativeReward);

    /// @notice Commits are refused until `until` (Unix seconds).
    event RunPaused(uint256 indexed runId, uint48 until);

    /// @notice The pause ended early.
    event RunUnpaused(uint256 indexed runId);

    /// @notice The round is not committed and open: `status` is a {ITrainingRuns-RoundStatus}.
    error RoundNotOpen(uint256 runId, uint32 round, uint8 status);

    /// @notice Another round of the run is under dispute; one at a time.
    error AnotherDispute(uint256 runId, uint32 round);

    /// @notice The round is not the one under dispute.
    error NotDisputed(uint256 runId, uint32 round);

    /// @notice The head is known; there is nothing to restore.
    error HeadKnown(uint256 runId);

    /// @notice A pause ends from `earliest`, after now and no sooner than the one that runs, to `latest`: seven days after it
    /// began.
    error PauseOutOfRange(uint256 runId, uint48 until, uint48 earliest, uint48 latest);

    /// @notice The next pause can begin at `earliest`: a run is free for as long as it was paused.
    error PauseTooSoon(uint256 runId, uint48 earliest);

    /// @notice Puts an open round under dispute. Only INCIDENT_ROLE.
    function dispute(uint256 runId, uint32 round) external;

    /// @notice Ends a dispute. Voided: this round and all later ones count no more, with their claims, and the head goes
    /// back to where the round started from. Commits wait for {restoreHead} then. Only INCIDENT_ROLE.
    function settleDispute(uint256 runId, uint32 round, bool voided) external;

    /// @notice Refuses commits until `until` (Unix seconds), at most seven days from the pause's beginning; a pause
    /// that runs can be drawn out, not cut short. Only INCIDENT_ROLE.
    function pause(uint256 runId, uint48 until) external;

    /// @notice Ends a pause early. Only INCIDENT_ROLE.
    function unpause(uint256 runId) external;
}
