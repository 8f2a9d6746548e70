// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISignedRequests} from "./ISignedRequests.sol";

/// @title How a member moves to another account: id, roles, joined date and node key stay.
/// @notice A member names a recovery account in advance. That account starts a move, which the member can stop during
/// the recovery delay; after it the new account accepts. A vote moves a member without any of this.
interface IAccountRecovery is ISignedRequests {
    /// @notice What a recovery account signs to start a move. EIP-712 type:
    /// MoveRequest(address recovery,uint256 memberId,address to,uint256 nonce,uint64 deadline)
    /// @param nonce nonces(recovery).
    struct MoveRequest {
        address recovery;
        uint256 memberId;
        address to;
        uint256 nonce;
        uint64 deadline;
    }

    /// @notice The member's recovery account is `recovery` from `effectiveFrom` (Unix seconds) on; zero: none.
    event RecoveryNamed(uint256 indexed memberId, address indexed recovery, uint48 effectiveFrom);

    /// @notice The recovery account moves the member to `to`; the new account can accept from `acceptableFrom` on.
    event MoveStarted(uint256 indexed memberId, address indexed to, address recovery, uint48 acceptableFrom);

    /// @notice The member stopped the move; `recovery` has lost its power.
    event MoveStopped(uint256 indexed memberId, address indexed to, address recovery);

    /// @notice The member acts by another account from now on.
    event MemberMoved(uint256 indexed memberId, address indexed from, address indexed to);

    /// @notice A vote changed how long a member can stop a move.
    event RecoveryDelaySet(uint32 oldSeconds, uint32 newSeconds);

    /// @notice The account is no member's present account.
    error NotAMember(address account);

    /// @notice Only the member's recovery account in force, `expected`, may start a move.
    error NotTheRecoveryAccount(uint256 memberId, address account, address expected);

    /// @notice There is no move of this member.
    error NoMove(uint256 memberId);

    /// @notice A move of this member is under way.
    error MoveUnderWay(uint256 memberId, address to);

    /// @notice The move can be accepted from `acceptableFrom` on.
    error MoveTooEarly(uint256 memberId, uint48 acceptableFrom);

    /// @notice The account is or was a member's, or is zero.
    error AccountTaken(address account);

    /// @notice The recovery delay must be 1 second to `maximum`.
    error InvalidRecoveryDelay(uint32 delaySeconds, uint32 maximum);

    /// @notice Names a recovery account; zero for none. The first is in force at once, another after the delay, so that
    /// a thief of the key cannot shut out the first. The member signs
    /// RecoveryChoice(address account,address recovery,uint256 nonce,uint64 deadline), with nonce = nonces(account).
    function setRecovery(address account, address recovery, uint256 nonce, uint64 deadline, bytes calldata signature)
        external;

    /// @notice Starts a move; a change of the recovery account that is not yet in force is dropped.
    function startMove(MoveRequest calldata request, bytes calldata signature) external;

    /// @notice Stops the move; its recovery account loses its power, so that it cannot start again. The member signs
    /// MoveStop(address account,uint256 nonce,uint64 deadline).
    function stopMove(address account, uint256 nonce, uint64 deadline, bytes calldata signature) external;

    /// @notice Ends the move after the delay. The new account signs
    /// MoveAcceptance(uint256 memberId,address account,uint64 deadline).
    function acceptMove(uint256 memberId, uint64 deadline, bytes calldata signature) external;

    /// @notice The recovery account in force, and the move under way (all zero if there is none).
    function recoveryOf(uint256 memberId)
        external
        view
        returns (address recovery, address movingTo, uint48 acceptableFrom);

    /// @notice How long a member can stop a move.
    function recoveryDelaySeconds() external view returns (uint32);
}
