// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

import {Membership} from "./Membership.sol";
import {IAccountRecovery} from "contracts/interfaces/IAccountRecovery.sol";
import {IMemberRegistry} from "contracts/interfaces/IMemberRegistry.sol";
import {ISignedRequests} from "contracts/interfaces/ISignedRequests.sol";

/// @title Trainer 0 leaves for good.
contract LeavingTest is Membership {
    function resign() private {
        uint256 nonce = members.nonces(trainer(0));
        bytes32 typehash = keccak256("Leaving(address account,uint256 nonce,uint64 deadline)");
        bytes memory signature = _sign(trainerKeys[0], abi.encode(typehash, trainer(0), nonce, LATER));
        members.resign(trainer(0), nonce, LATER, signature);
    }

    function test_who_left_is_not_active_and_no_vote_brings_it_back() public {
        resign();
        holds(!members.isActive(trainer(0), 0), "still active");
        vm.expectRevert(abi.encodeWithSelector(IMemberRegistry.MemberHasLeft.selector, trainerId(0)));
        vm.prank(address(timelock));
        members.setActive(trainerId(0), true);
    }

    function test_nobody_leaves_for_another() public {
        bytes32 typehash = keccak256("Leaving(address account,uint256 nonce,uint64 deadline)");
        bytes memory signature = _sign(trainerKeys[1], abi.encode(typehash, trainer(0), 0, LATER));
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, trainer(0), signature));
        members.resign(trainer(0), 0, LATER, signature);
    }

    /// @dev Attack: a leaving that was signed, and thought better of, is brought later.
    function test_an_old_leaving_is_not_brought_later() public {
        bytes32 typehash = keccak256("Leaving(address account,uint256 nonce,uint64 deadline)");
        bytes memory signature = _sign(trainerKeys[0], abi.encode(typehash, trainer(0), 0, LATER));
        choose(FRIEND); // takes the same nonce
        vm.expectRevert(abi.encodeWithSelector(Nonces.InvalidAccountNonce.selector, trainer(0), 1));
        members.resign(trainer(0), 0, LATER, signature);
    }

    function test_who_left_is_not_moved_even_by_a_vote() public {
        resign();
        vm.expectRevert(abi.encodeWithSelector(IMemberRegistry.MemberHasLeft.selector, trainerId(0)));
        vm.prank(address(timelock));
        members.moveMember(trainerId(0), vm.addr(FRESH));
    }

    function test_who_left_asks_for_nothing_any_more() public {
        resign();
        bytes memory choice = signChoice(FRIEND);
        vm.expectRevert(abi.encodeWithSelector(IAccountRecovery.NotAMember.selector, trainer(0)));
        members.setRecovery(trainer(0), vm.addr(FRIEND), 1, LATER, choice);
    }

    /// @dev False identities: the node key of a member that moved or left serves another member.
    function test_the_node_key_of_who_left_serves_nobody_else() public {
        resign();
        IMemberRegistry.JoinRequest memory request = joinRequest(FRESH, TRAINER);
        request.nodeKeyDigest = joinRequest(trainerKeys[0], TRAINER).nodeKeyDigest;
        bytes memory signature = signJoin(FRESH, request);
        bytes memory voucher = signVoucher(ADMITTER_KEY, request);
        vm.expectRevert(
            abi.encodeWithSelector(IMemberRegistry.NodeKeyTaken.selector, request.nodeKeyDigest, trainerId(0))
        );
        members.join(request, signature, voucher);
    }

    function test_leaving_is_told_and_takes_the_recovery_account_along() public {
        choose(FRIEND);
        bytes32 typehash = keccak256("Leaving(address account,uint256 nonce,uint64 deadline)");
        bytes memory signature = _sign(trainerKeys[0], abi.encode(typehash, trainer(0), 1, LATER));
        vm.expectEmit(address(members));
        emit IMemberRegistry.MemberLeft(1, trainer(0));
        members.resign(trainer(0), 1, LATER, signature);
        (address recovery,,) = members.recoveryOf(1);
        same(recovery, address(0));
    }
}
