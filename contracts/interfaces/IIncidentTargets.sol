// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What the incident manager does to runs; see {IRunDisputes} for the rules.
interface IDisputedRuns {
    function dispute(uint256 runId, uint32 round) external;
    function settleDispute(uint256 runId, uint32 round, bool voided) external;
    function pause(uint256 runId, uint48 until) external;
    function unpause(uint256 runId) external;
}

/// @title What the incident manager does to rewards; see {IRewardVault} for the rules.
interface ISlashedRewards {
    function slashUnvested(uint256 runId, uint256 memberId, uint256 amount) external;
}
