// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

import {IAccountRecovery} from "./interfaces/IAccountRecovery.sol";
import {SignedRequests} from "./SignedRequests.sol";

/// @title Recovery accounts and moves; part of the member registry.
abstract contract AccountRecovery is IAccountRecovery, SignedRequests, Nonces {
    /// @dev `next` comes into force at `nextFrom`; `to` is where a move under way leads.
    struct Recovery {
        address current;
        uint48 nextFrom;
        uint48 acceptableFrom;
        address next;
        address to;
    }

    uint32 private constant MAX_DELAY_SECONDS = 90 days;
    bytes32 private constant RECOVERY_CHOICE_TYPEHASH =
        keccak256("RecoveryChoice(address account,address recovery,uint256 nonce,uint64 deadline)");
    bytes32 private constant MOVE_REQUEST_TYPEHASH =
        keccak256("MoveRequest(address recovery,uint256 memberId,address to,uint256 nonce,uint64 deadline)");
    bytes32 private constant MOVE_STOP_TYPEHASH = keccak256("MoveStop(address account,uint256 nonce,uint64 deadline)");
    bytes32 private constant MOVE_ACCEPTANCE_TYPEHASH =
        keccak256("MoveAcceptance(uint256 memberId,address account,uint64 deadline)");

    uint32 private _delaySeconds;
    mapping(uint256 memberId => Recovery) private _recoveries;

    constructor(uint32 delaySeconds) {
        _setDelay(delaySeconds);
    }

    /// @inheritdoc IAccountRecovery
    function setRecovery(address account, address recovery, uint256 nonce, uint64 deadline, bytes calldata signature)
        external
    {
        uint256 memberId = _requireMember(account);
        Recovery storage found = _recoveries[memberId];
        if (found.to != address(0)) revert MoveUnderWay(memberId, found.to);
        _useCheckedNonce(account, nonce);
        bytes32 structHash = keccak256(abi.encode(RECOVERY_CHOICE_TYPEHASH, account, recovery, nonce, deadline));
        _requireSigned(account, structHash, deadline, signature);

        address current = _inForce(found);
        uint48 from = uint48(block.timestamp);
        if (current == address(0)) {
            (found.current, found.next, found.nextFrom) = (recovery, address(0), 0);
        } else {
            from += _delaySeconds;
            (found.current, found.next, found.nextFrom) = (current, recovery, from);
        }
        emit RecoveryNamed(memberId, recovery, from);
    }

    /// @inheritdoc IAccountRecovery
    function startMove(MoveRequest calldata request, bytes calldata signature) external {
        uint256 memberId = request.memberId;
        Recovery storage found = _recoveries[memberId];
        address recovery = _inForce(found);
        if (recovery == address(0) || request.recovery != recovery) {
            revert NotTheRecoveryAccount(memberId, request.recovery, recovery);
        }
        if (found.to != address(0)) revert MoveUnderWay(memberId, found.to);
        _requireUnused(request.to);
        _useCheckedNonce(recovery, request.nonce);
        _requireSigned(recovery, _hashMove(request), request.deadline, signature);

        uint48 acceptableFrom = uint48(block.timestamp) + _delaySeconds;
        _recoveries[memberId] = Recovery(recovery, 0, acceptableFrom, address(0), request.to);
        emit MoveStarted(memberId, request.to, recovery, acceptableFrom);
    }

    /// @inheritdoc IAccountRecovery
    function stopMove(address account, uint256 nonce, uint64 deadline, bytes calldata signature) external {
        uint256 memberId = _requireMember(account);
        Recovery memory found = _recoveries[memberId];
        if (found.to == address(0)) revert NoMove(memberId);
        _useCheckedNonce(account, nonce);
        bytes32 structHash = keccak256(abi.encode(MOVE_STOP_TYPEHASH, account, nonce, deadline));
        _requireSigned(account, structHash, deadline, signature);
        _forgetRecovery(memberId);
        emit MoveStopped(memberId, found.to, found.current);
    }

    /// @inheritdoc IAccountRecovery
    function acceptMove(uint256 memberId, uint64 deadline, bytes calldata signature) external {
        Recovery memory found = _recoveries[memberId];
        if (found.to == address(0)) revert NoMove(memberId);
        if (block.timestamp < found.acceptableFrom) revert MoveTooEarly(memberId, found.acceptableFrom);
        bytes32 structHash = keccak256(abi.encode(MOVE_ACCEPTANCE_TYPEHASH, memberId, found.to, deadline));
        _requireSigned(found.to, structHash, deadline, signature);
        _move(memberId, found.to);
    }

    /// @inheritdoc IAccountRecovery
    function recoveryOf(uint256 memberId)
        external
        view
        returns (address recovery, address movingTo, uint48 acceptableFrom)
    {
        Recovery storage found = _recoveries[memberId];
        return (_inForce(found), found.to, found.acceptableFrom);
    }

    /// @inheritdoc IAccountRecovery
    function recoveryDelaySeconds() external view returns (uint32) {
        return _delaySeconds;
    }

    /// @dev A stopped or finished move leaves no recovery account behind: the member names one anew.
    function _forgetRecovery(uint256 memberId) internal {
        delete _recoveries[memberId];
    }

    function _setDelay(uint32 delaySeconds) internal {
        if (delaySeconds == 0 || delaySeconds > MAX_DELAY_SECONDS) {
            revert InvalidRecoveryDelay(delaySeconds, MAX_DELAY_SECONDS);
        }
        emit RecoveryDelaySet(_delaySeconds, delaySeconds);
        _delaySeconds = delaySeconds;
    }

    /// @dev The id of a member by its present account; reverts with NotAMember.
    function _requireMember(address account) internal view virtual returns (uint256 memberId);

    /// @dev Reverts with AccountTaken for an account that is or was a member's.
    function _requireUnused(address account) internal view virtual;

    function _move(uint256 memberId, address to) internal virtual;

    function _inForce(Recovery storage found) private view returns (address) {
        return found.nextFrom != 0 && block.timestamp >= found.nextFrom ? found.next : found.current;
    }

    function _hashMove(MoveRequest calldata request) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                MOVE_REQUEST_TYPEHASH,
                request.recovery,
                request.memberId,
                request.to,
                request.nonce,
                request.deadline
            )
        );
    }
}
