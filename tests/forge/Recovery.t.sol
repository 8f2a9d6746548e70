// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

import {Membership} from "./Membership.sol";
import {IAccountRecovery} from "contracts/interfaces/IAccountRecovery.sol";
import {IMemberRegistry} from "contracts/interfaces/IMemberRegistry.sol";
import {ISignedRequests} from "contracts/interfaces/ISignedRequests.sol";

/// @title Trainer 0 moves to another account.
contract RecoveryTest is Membership {
    uint256 private constant THIEF = 0x7411;

    function moveRequest(uint256 key, uint256 to) private view returns (IAccountRecovery.MoveRequest memory) {
        return IAccountRecovery.MoveRequest(
            vm.addr(key), trainerId(0), vm.addr(to), members.nonces(vm.addr(key)), LATER
        );
    }

    function signMove(uint256 key, IAccountRecovery.MoveRequest memory r) private view returns (bytes memory) {
        bytes32 typehash =
            keccak256("MoveRequest(address recovery,uint256 memberId,address to,uint256 nonce,uint64 deadline)");
        return _sign(key, abi.encode(typehash, r.recovery, r.memberId, r.to, r.nonce, r.deadline));
    }

    function start(uint256 key, uint256 to) private {
        IAccountRecovery.MoveRequest memory r = moveRequest(key, to);
        members.startMove(r, signMove(key, r));
    }

    function _expectNoStart(uint256 key, bytes memory reason) private {
        IAccountRecovery.MoveRequest memory r = moveRequest(key, FRESH);
        bytes memory signature = signMove(key, r);
        vm.expectRevert(reason);
        members.startMove(r, signature);
    }

    function stop() private {
        uint256 nonce = members.nonces(trainer(0));
        bytes32 typehash = keccak256("MoveStop(address account,uint256 nonce,uint64 deadline)");
        bytes memory signature = _sign(trainerKeys[0], abi.encode(typehash, trainer(0), nonce, LATER));
        members.stopMove(trainer(0), nonce, LATER, signature);
    }

    function acceptance(uint256 key) private view returns (bytes memory) {
        bytes32 typehash = keccak256("MoveAcceptance(uint256 memberId,address account,uint64 deadline)");
        return _sign(key, abi.encode(typehash, trainerId(0), vm.addr(key), LATER));
    }

    function accept(uint256 key) private {
        members.acceptMove(trainerId(0), LATER, acceptance(key));
    }

    function test_a_move_keeps_id_roles_joined_date_and_node_key() public {
        choose(FRIEND);
        (uint256 id, uint8 roles,, uint64 joinedAt, bytes32 nodeKey) = members.memberOf(trainer(0));
        start(FRIEND, FRESH);
        vm.warp(START + RECOVERY_DELAY);
        accept(FRESH);

        (uint256 newId, uint8 newRoles, bool active, uint64 newJoinedAt, bytes32 newNodeKey) =
            members.memberOf(vm.addr(FRESH));
        same(newId, id);
        same(newRoles, roles);
        same(newJoinedAt, joinedAt);
        same(newNodeKey, nodeKey);
        holds(active, "the moved member is active");
        holds(!members.isActive(trainer(0), 0), "the account left behind is nobody's");
        same(members.accountOf(trainerId(0)), vm.addr(FRESH));
        same(members.presentAccount(trainer(0)), vm.addr(FRESH));
        same(members.numMembers(), 7);
    }

    function test_a_move_waits_for_the_delay() public {
        choose(FRIEND);
        start(FRIEND, FRESH);
        vm.warp(START + RECOVERY_DELAY - 1);
        bytes memory signature = acceptance(FRESH);
        vm.expectRevert(
            abi.encodeWithSelector(IAccountRecovery.MoveTooEarly.selector, trainerId(0), START + RECOVERY_DELAY)
        );
        members.acceptMove(trainerId(0), LATER, signature);
    }

    function test_a_move_is_accepted_long_after_the_delay_too() public {
        choose(FRIEND);
        start(FRIEND, FRESH);
        vm.warp(START + 10 * uint256(RECOVERY_DELAY));
        accept(FRESH);
        same(members.accountOf(trainerId(0)), vm.addr(FRESH));
    }

    function test_only_the_new_account_accepts() public {
        choose(FRIEND);
        start(FRIEND, FRESH);
        vm.warp(START + RECOVERY_DELAY);
        bytes memory signature = acceptance(FRIEND);
        vm.expectPartialRevert(ISignedRequests.InvalidSignature.selector);
        members.acceptMove(trainerId(0), LATER, signature);
    }

    function test_without_a_recovery_account_nobody_starts_a_move() public {
        _expectNoStart(
            FRIEND,
            abi.encodeWithSelector(
                IAccountRecovery.NotTheRecoveryAccount.selector, trainerId(0), vm.addr(FRIEND), address(0)
            )
        );
    }

    /// @dev Attack: whoever stole the member's key names a recovery account of its own and moves the member away.
    function test_a_thief_cannot_shut_out_the_recovery_account() public {
        choose(FRIEND);
        vm.warp(START + 10 days);
        choose(THIEF);
        _expectNoStart(
            THIEF,
            abi.encodeWithSelector(
                IAccountRecovery.NotTheRecoveryAccount.selector, trainerId(0), vm.addr(THIEF), vm.addr(FRIEND)
            )
        );
        start(FRIEND, FRESH); // in time: the thief's choice is dropped
        vm.warp(START + 10 days + RECOVERY_DELAY);
        accept(FRESH);
        same(members.accountOf(trainerId(0)), vm.addr(FRESH));
    }

    function test_another_recovery_account_is_in_force_after_the_delay() public {
        choose(FRIEND);
        choose(THIEF);
        vm.warp(START + RECOVERY_DELAY);
        start(THIEF, FRESH);
        (address recovery, address movingTo,) = members.recoveryOf(trainerId(0));
        same(recovery, vm.addr(THIEF));
        same(movingTo, vm.addr(FRESH));
    }

    /// @dev Attack: a stopped move is started again, and again.
    function test_a_stopped_move_is_not_repeated() public {
        choose(FRIEND);
        IAccountRecovery.MoveRequest memory r = moveRequest(FRIEND, FRESH);
        bytes memory signature = signMove(FRIEND, r);
        members.startMove(r, signature);
        stop();
        vm.warp(START + RECOVERY_DELAY);
        bytes memory late = acceptance(FRESH);
        vm.expectRevert(abi.encodeWithSelector(IAccountRecovery.NoMove.selector, trainerId(0)));
        members.acceptMove(trainerId(0), LATER, late);
        _expectNoStart(
            FRIEND,
            abi.encodeWithSelector(
                IAccountRecovery.NotTheRecoveryAccount.selector, trainerId(0), vm.addr(FRIEND), address(0)
            )
        );
    }

    /// @dev Attack: the member trusts the same recovery account again, and somebody replays its old request.
    function test_an_old_move_request_is_not_replayed() public {
        choose(FRIEND);
        IAccountRecovery.MoveRequest memory r = moveRequest(FRIEND, FRESH);
        bytes memory signature = signMove(FRIEND, r);
        members.startMove(r, signature);
        stop();
        choose(FRIEND);
        vm.expectRevert(abi.encodeWithSelector(Nonces.InvalidAccountNonce.selector, vm.addr(FRIEND), 1));
        members.startMove(r, signature);
    }

    /// @dev Attack: a stop signed earlier stops a later move.
    function test_an_old_stop_is_not_replayed() public {
        choose(FRIEND);
        start(FRIEND, FRESH);
        uint256 nonce = members.nonces(trainer(0));
        bytes32 typehash = keccak256("MoveStop(address account,uint256 nonce,uint64 deadline)");
        bytes memory signature = _sign(trainerKeys[0], abi.encode(typehash, trainer(0), nonce, LATER));
        members.stopMove(trainer(0), nonce, LATER, signature);
        choose(FRIEND);
        start(FRIEND, FRESH);
        vm.expectPartialRevert(Nonces.InvalidAccountNonce.selector);
        members.stopMove(trainer(0), nonce, LATER, signature);
    }

    function test_a_recovery_account_is_not_changed_during_a_move() public {
        choose(FRIEND);
        start(FRIEND, FRESH);
        uint256 nonce = members.nonces(trainer(0));
        bytes32 typehash =
            keccak256("RecoveryChoice(address account,address recovery,uint256 nonce,uint64 deadline)");
        bytes memory signature =
            _sign(trainerKeys[0], abi.encode(typehash, trainer(0), vm.addr(THIEF), nonce, LATER));
        vm.expectRevert(
            abi.encodeWithSelector(IAccountRecovery.MoveUnderWay.selector, trainerId(0), vm.addr(FRESH))
        );
        members.setRecovery(trainer(0), vm.addr(THIEF), nonce, LATER, signature);
    }

    /// @dev False identities: an account that a member left behind joins again as somebody else.
    function test_the_account_left_behind_never_joins_again() public {
        vm.prank(address(timelock));
        members.moveMember(trainerId(0), vm.addr(FRESH));
        IMemberRegistry.JoinRequest memory request = joinRequest(trainerKeys[0], TRAINER);
        request.nodeKeyDigest = keccak256("another");
        bytes memory signature = signJoin(trainerKeys[0], request);
        bytes memory voucher = signVoucher(ADMITTER_KEY, request);
        vm.expectRevert(
            abi.encodeWithSelector(IMemberRegistry.AlreadyMember.selector, trainer(0), trainerId(0))
        );
        members.join(request, signature, voucher);
    }

    /// @dev Two members in one account would be two votes of one key.
    function test_nobody_moves_to_the_account_of_another_member() public {
        vm.expectRevert(abi.encodeWithSelector(IAccountRecovery.AccountTaken.selector, trainer(1)));
        vm.prank(address(timelock));
        members.moveMember(trainerId(0), trainer(1));
        vm.expectRevert(abi.encodeWithSelector(IAccountRecovery.AccountTaken.selector, address(0)));
        vm.prank(address(timelock));
        members.moveMember(trainerId(0), address(0));
    }

    function test_only_a_vote_moves_without_a_recovery_account(address stranger) public {
        vm.assume(stranger != address(timelock));
        bytes32 role = members.GOVERNANCE_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, role)
        );
        vm.prank(stranger);
        members.moveMember(trainerId(0), vm.addr(FRESH));
    }

    function test_the_delay_is_a_vote_s_within_bounds() public {
        vm.prank(address(timelock));
        members.setRecoveryDelay(1 days);
        same(members.recoveryDelaySeconds(), 1 days);
        vm.expectRevert(
            abi.encodeWithSelector(IAccountRecovery.InvalidRecoveryDelay.selector, 90 days + 1, 90 days)
        );
        vm.prank(address(timelock));
        members.setRecoveryDelay(90 days + 1);
        vm.expectRevert(abi.encodeWithSelector(IAccountRecovery.InvalidRecoveryDelay.selector, 0, 90 days));
        vm.prank(address(timelock));
        members.setRecoveryDelay(0);
    }

    function test_a_first_recovery_account_is_told_at_once_and_another_with_its_delay() public {
        bytes memory first = signChoice(FRIEND);
        vm.expectEmit(address(members));
        emit IAccountRecovery.RecoveryNamed(1, vm.addr(FRIEND), uint48(START));
        members.setRecovery(trainer(0), vm.addr(FRIEND), 0, LATER, first);
        bytes memory second = signChoice(FRESH);
        vm.expectEmit(address(members));
        emit IAccountRecovery.RecoveryNamed(1, vm.addr(FRESH), uint48(START) + RECOVERY_DELAY);
        members.setRecovery(trainer(0), vm.addr(FRESH), 1, LATER, second);
    }

    function test_a_moves_start_and_end_are_told() public {
        choose(FRIEND);
        IAccountRecovery.MoveRequest memory r = moveRequest(FRIEND, FRESH);
        bytes memory signature = signMove(FRIEND, r);
        vm.expectEmit(address(members));
        emit IAccountRecovery.MoveStarted(1, vm.addr(FRESH), vm.addr(FRIEND), uint48(START) + RECOVERY_DELAY);
        members.startMove(r, signature);
        (address recovery, address movingTo, uint48 acceptableFrom) = members.recoveryOf(1);
        same(recovery, vm.addr(FRIEND));
        same(movingTo, vm.addr(FRESH));
        same(acceptableFrom, START + RECOVERY_DELAY);
        vm.warp(START + RECOVERY_DELAY);
        signature = acceptance(FRESH);
        vm.expectEmit(address(members));
        emit IAccountRecovery.MemberMoved(1, trainer(0), vm.addr(FRESH));
        members.acceptMove(1, LATER, signature);
    }

    function test_a_stopped_move_is_told() public {
        choose(FRIEND);
        start(FRIEND, FRESH);
        bytes32 typehash = keccak256("MoveStop(address account,uint256 nonce,uint64 deadline)");
        bytes memory signature = _sign(trainerKeys[0], abi.encode(typehash, trainer(0), 1, LATER));
        vm.expectEmit(address(members));
        emit IAccountRecovery.MoveStopped(1, vm.addr(FRESH), vm.addr(FRIEND));
        members.stopMove(trainer(0), 1, LATER, signature);
    }

    function test_a_new_delay_is_told_beside_the_old() public {
        vm.expectEmit(address(members));
        emit IAccountRecovery.RecoveryDelaySet(RECOVERY_DELAY, 90 days);
        vm.prank(address(timelock));
        members.setRecoveryDelay(90 days);
    }

    /// @dev Attack: a choice that was withdrawn by a later one is brought again.
    function test_an_old_choice_is_not_replayed() public {
        bytes memory old = signChoice(FRIEND);
        members.setRecovery(trainer(0), vm.addr(FRIEND), 0, LATER, old);
        choose(FRESH);
        vm.expectRevert(abi.encodeWithSelector(Nonces.InvalidAccountNonce.selector, trainer(0), 2));
        members.setRecovery(trainer(0), vm.addr(FRIEND), 0, LATER, old);
    }

    /// @dev Attack: a stranger names a recovery account of its own.
    function test_nobody_names_anothers_recovery_account() public {
        bytes32 typehash =
            keccak256("RecoveryChoice(address account,address recovery,uint256 nonce,uint64 deadline)");
        bytes memory signature = _sign(THIEF, abi.encode(typehash, trainer(0), vm.addr(THIEF), 0, LATER));
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, trainer(0), signature));
        members.setRecovery(trainer(0), vm.addr(THIEF), 0, LATER, signature);
    }

    /// @dev Attack: a stranger asks in the recovery account's name.
    function test_a_move_that_the_recovery_account_did_not_sign_is_refused() public {
        choose(FRIEND);
        IAccountRecovery.MoveRequest memory r = moveRequest(FRIEND, THIEF);
        bytes memory signature = signMove(THIEF, r);
        vm.expectRevert(
            abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, vm.addr(FRIEND), signature)
        );
        members.startMove(r, signature);
    }

    /// @dev Attack: whoever has stolen the recovery account keeps a stop from being heard, or others stop a true move.
    function test_a_move_is_stopped_by_its_member_alone() public {
        choose(FRIEND);
        start(FRIEND, FRESH);
        bytes32 typehash = keccak256("MoveStop(address account,uint256 nonce,uint64 deadline)");
        bytes memory signature = _sign(THIEF, abi.encode(typehash, trainer(0), 1, LATER));
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, trainer(0), signature));
        members.stopMove(trainer(0), 1, LATER, signature);
    }

    function test_where_nothing_moves_there_is_nothing_to_stop() public {
        vm.expectRevert(abi.encodeWithSelector(IAccountRecovery.NoMove.selector, 1));
        members.stopMove(trainer(0), 0, LATER, "");
    }

    function test_a_second_move_waits_for_the_first() public {
        choose(FRIEND);
        start(FRIEND, FRESH);
        _expectNoStart(
            FRIEND, abi.encodeWithSelector(IAccountRecovery.MoveUnderWay.selector, 1, vm.addr(FRESH))
        );
    }

    function test_no_move_starts_towards_a_members_account() public {
        choose(FRIEND);
        IAccountRecovery.MoveRequest memory r = moveRequest(FRIEND, trainerKeys[1]);
        bytes memory signature = signMove(FRIEND, r);
        vm.expectRevert(abi.encodeWithSelector(IAccountRecovery.AccountTaken.selector, trainer(1)));
        members.startMove(r, signature);
    }
}
