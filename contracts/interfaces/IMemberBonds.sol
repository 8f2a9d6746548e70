// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISignedRequests} from "./ISignedRequests.sol";

/// @title What members put up for their conduct. Amounts in wei of the reward token.
/// @notice A bond is withdrawn after a delay, and never while a case accuses its member. A network without a token has
/// no bonds.
interface IMemberBonds is ISignedRequests {
    /// @param amount What the member has put up and not lost.
    /// @param leaving How much of it is to be withdrawn.
    /// @param leavesFrom First second (Unix time) at which it can be.
    /// @param openCases How many open cases accuse the member.
    /// @param staked How much of `amount` stands for open reports of its own: it is neither withdrawn nor staked again, and
    /// can be slashed like the rest.
    struct Bond {
        uint96 amount;
        uint96 leaving;
        uint48 leavesFrom;
        uint16 openCases;
        uint96 staked;
    }

    /// @notice `payer` added to a member's bond.
    event BondDeposited(uint256 indexed memberId, address indexed payer, uint256 amount);

    /// @notice The member wants `amount` back; it can have it from `leavesFrom` on.
    event BondWithdrawalRequested(uint256 indexed memberId, uint256 amount, uint48 leavesFrom);

    /// @notice The member has it back.
    event BondWithdrawn(uint256 indexed memberId, address indexed account, uint256 amount);

    /// @notice The network has no reward token, so nobody puts up bonds.
    error NoToken();

    /// @notice The bond holds less than is asked for, or less that is not staked.
    error BondTooSmall(uint256 memberId, uint256 amount, uint256 needed);

    /// @notice `openCases` cases accuse the member: its bond stays where it is.
    error BondHeld(uint256 memberId, uint256 openCases);

    /// @notice Nothing can be withdrawn before `leavesFrom`, nor once seven days have passed since; 0 when nothing was
    /// asked for.
    error NothingToWithdraw(uint256 memberId, uint48 leavesFrom);

    /// @notice The account is no member's.
    error NotAMember(address account);

    /// @notice Adds to a member's bond. Anyone may pay; needs an allowance.
    function deposit(uint256 memberId, uint256 amount) external;

    /// @notice Starts the delay; asking again starts it anew. The member signs
    /// BondWithdrawal(address account,uint96 amount,uint256 nonce,uint64 deadline), with nonce = nonces(account).
    function requestWithdrawal(address account, uint96 amount, uint256 nonce, uint64 deadline, bytes calldata signature)
        external;

    /// @notice Pays to the member's present account what the delay is over for, as far as it is not staked. Within seven
    /// days, so that nobody keeps a withdrawal ready for the day of an accusation. Anyone may call.
    function withdraw(uint256 memberId) external;

    /// @notice A member's bond.
    function bondOf(uint256 memberId) external view returns (Bond memory);
}
