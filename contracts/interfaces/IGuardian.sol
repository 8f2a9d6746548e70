// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

import {IRunDisputes} from "./IRunDisputes.sol";

/// @title A guardian has one right, until its term ends by itself or a vote takes it away: it cancels a proposal, or it
/// pauses a run.
/// @notice The contract holds what that takes (CANCELLER_ROLE of the timelock, INCIDENT_ROLE of the runs) and offers
/// nothing else of it. Whoever is the guardian holds no role itself, and after one use has no right at all until another
/// vote.
interface IGuardian {
    /// @notice The guardian until `endsAt` (Unix seconds); its one right is unused.
    event GuardianAppointed(address indexed account, uint48 endsAt);

    /// @notice The guardian used its one right to cancel a proposal.
    event GuardianCanceled(uint256 indexed proposalId, address indexed account);

    /// @notice The guardian used its one right to pause a run until `until` (Unix seconds).
    event GuardianPaused(uint256 indexed runId, address indexed account, uint48 until);

    /// @notice The account is not the guardian, or its right is used, or its term is over.
    error NotTheGuardian(address account);

    /// @notice The term must end in the future, and within 366 days.
    error InvalidTerm(uint48 endsAt);

    /// @notice Names a guardian until `endsAt` (Unix seconds) and gives it one right. The zero address: none. Only
    /// GOVERNANCE_ROLE; calls of this function are constitutional, whatever the governor's table of kinds says.
    function appoint(address account, uint48 endsAt) external;

    /// @notice Cancels a proposal at any time before it is executed; its parts are those of the governor's propose. Only
    /// the guardian, once.
    function cancel(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata calldatas,
        bytes32 descriptionHash
    ) external returns (uint256 proposalId);

    /// @notice Refuses commits of a run until `until` (Unix seconds), within the limits of {IRunDisputes-pause}. Only the
    /// guardian, once.
    function pause(uint256 runId, uint48 until) external;

    /// @notice The guardian, the end of its term (Unix seconds), and whether its one right is unused.
    function guardian() external view returns (address account, uint48 endsAt, bool armed);

    /// @notice Whose proposals it can cancel.
    function governor() external view returns (IGovernor);

    /// @notice Whose runs it can pause.
    function runs() external view returns (IRunDisputes);
}
