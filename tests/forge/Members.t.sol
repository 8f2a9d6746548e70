// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {World} from "./World.sol";
import {IMemberRegistry} from "contracts/interfaces/IMemberRegistry.sol";
import {ISignedRequests} from "contracts/interfaces/ISignedRequests.sol";

/// @title A contract wallet that accepts what its owner signed (ERC-1271).
contract Wallet {
    address private immutable _owner;

    constructor(address owner) {
        _owner = owner;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        return ECDSA.recoverCalldata(digest, signature) == _owner ? this.isValidSignature.selector : bytes4(0);
    }
}

contract MembersTest is World {
    uint256 private constant KEY = 0x4E3;

    function joining() private pure returns (IMemberRegistry.JoinRequest memory) {
        return joinRequest(KEY, TRAINER);
    }

    function _expectRefusedJoin(IMemberRegistry.JoinRequest memory request, bytes memory reason) private {
        bytes memory signature = signJoin(KEY, request);
        bytes memory voucher = signVoucher(ADMITTER_KEY, request);
        vm.expectRevert(reason);
        members.join(request, signature, voucher);
    }

    function test_a_vouched_account_joins_through_any_relayer(uint256 roles, address relayer) public {
        vm.assume(relayer != address(0));
        IMemberRegistry.JoinRequest memory request = joinRequest(KEY, uint8(between(roles, 1, 7)));
        bytes memory signature = signJoin(KEY, request);
        bytes memory voucher = signVoucher(ADMITTER_KEY, request);
        vm.prank(relayer);
        uint256 memberId = members.join(request, signature, voucher);

        (uint256 found, uint8 stored, bool active, uint64 joinedAt, bytes32 nodeKey) = members.memberOf(vm.addr(KEY));
        same(memberId, 8); // after three trainers and four evaluators
        same(found, memberId);
        same(stored, request.roles);
        holds(active, "a new member is active");
        same(joinedAt, START);
        same(nodeKey, request.nodeKeyDigest);
        same(members.accountOf(memberId), vm.addr(KEY));
        same(members.numMembers(), 8);
    }

    function test_a_contract_wallet_joins_by_erc1271() public {
        IMemberRegistry.JoinRequest memory request = joining();
        request.account = address(new Wallet(vm.addr(KEY)));
        members.join(request, signJoin(KEY, request), signVoucher(ADMITTER_KEY, request));
        holds(members.isActive(request.account, TRAINER), "the wallet did not join");
    }

    function test_an_admitter_lets_in_by_calling_without_a_voucher() public {
        IMemberRegistry.JoinRequest memory request = joining();
        bytes memory signature = signJoin(KEY, request);
        vm.prank(vm.addr(ADMITTER_KEY));
        members.join(request, signature, "");
        holds(members.isActive(request.account, TRAINER), "did not join");
    }

    function test_a_relayer_without_a_voucher_lets_nobody_in() public {
        IMemberRegistry.JoinRequest memory request = joining();
        bytes memory signature = signJoin(KEY, request);
        vm.expectRevert(abi.encodeWithSelector(IMemberRegistry.NotAnAdmitter.selector, RELAYER));
        vm.prank(RELAYER);
        members.join(request, signature, "");
    }

    function test_joining_twice_is_refused() public {
        join(KEY, TRAINER);
        IMemberRegistry.JoinRequest memory again = joining();
        again.nodeKeyDigest = keccak256("another");
        _expectRefusedJoin(again, abi.encodeWithSelector(IMemberRegistry.AlreadyMember.selector, again.account, 8));
    }

    function test_an_expired_request_is_refused(uint64 deadline) public {
        IMemberRegistry.JoinRequest memory request = joining();
        request.deadline = uint64(between(deadline, 0, START - 1));
        _expectRefusedJoin(
            request, abi.encodeWithSelector(ISignedRequests.RequestExpired.selector, request.deadline, START)
        );
    }

    function test_unknown_roles_are_refused(uint8 roles) public {
        vm.assume(roles == 0 || roles > 7);
        _expectRefusedJoin(
            joinRequest(KEY, roles), abi.encodeWithSelector(IMemberRegistry.InvalidRoles.selector, roles)
        );
    }

    function test_a_name_must_have_1_to_64_bytes() public {
        IMemberRegistry.JoinRequest memory request = joining();
        request.name = "";
        _expectRefusedJoin(request, abi.encodeWithSelector(IMemberRegistry.InvalidName.selector, 0, 64));
        request.name = string(new bytes(65));
        _expectRefusedJoin(request, abi.encodeWithSelector(IMemberRegistry.InvalidName.selector, 65, 64));
    }

    function test_a_node_key_serves_one_member_only() public {
        IMemberRegistry.JoinRequest memory request = joining();
        request.nodeKeyDigest = joinRequest(trainerKeys[1], TRAINER).nodeKeyDigest;
        _expectRefusedJoin(
            request, abi.encodeWithSelector(IMemberRegistry.NodeKeyTaken.selector, request.nodeKeyDigest, trainerId(1))
        );
        request.nodeKeyDigest = 0;
        _expectRefusedJoin(request, abi.encodeWithSelector(IMemberRegistry.EmptyNodeKey.selector, request.account));
    }

    function test_a_stranger_cannot_join_for_another(uint256 strangerKey) public {
        strangerKey = between(strangerKey, 1, type(uint128).max);
        vm.assume(strangerKey != KEY);
        IMemberRegistry.JoinRequest memory request = joining();
        bytes memory signature = signJoin(strangerKey, request);
        bytes memory voucher = signVoucher(ADMITTER_KEY, request);
        vm.expectRevert(
            abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, request.account, signature)
        );
        members.join(request, signature, voucher);
    }

    function test_a_malleated_signature_is_refused() public {
        IMemberRegistry.JoinRequest memory request = joining();
        bytes memory signature = malleated(signJoin(KEY, request));
        bytes memory voucher = signVoucher(ADMITTER_KEY, request);
        vm.expectPartialRevert(ISignedRequests.InvalidSignature.selector);
        members.join(request, signature, voucher);
    }

    function test_a_voucher_of_a_member_who_is_no_admitter_is_refused() public {
        IMemberRegistry.JoinRequest memory request = joining();
        bytes memory signature = signJoin(KEY, request);
        bytes memory voucher = signVoucher(trainerKeys[0], request);
        vm.expectRevert(abi.encodeWithSelector(IMemberRegistry.NotAnAdmitter.selector, trainer(0)));
        members.join(request, signature, voucher);
    }

    function test_a_voucher_for_other_roles_is_refused() public {
        bytes memory voucher = signVoucher(ADMITTER_KEY, joining());
        IMemberRegistry.JoinRequest memory greedy = joinRequest(KEY, EVALUATOR);
        bytes memory signature = signJoin(KEY, greedy);
        vm.expectPartialRevert(IMemberRegistry.NotAnAdmitter.selector);
        members.join(greedy, signature, voucher);
    }

    function test_signatures_of_another_chain_are_refused() public {
        IMemberRegistry.JoinRequest memory request = joining();
        bytes memory signature = signJoin(KEY, request);
        bytes memory voucher = signVoucher(ADMITTER_KEY, request);
        vm.chainId(block.chainid + 1);
        vm.expectPartialRevert(ISignedRequests.InvalidSignature.selector);
        members.join(request, signature, voucher);
    }

    function signRotation(bytes32 nodeKeyDigest, uint256 nonce, uint64 deadline) private view returns (bytes memory) {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("NodeKeyRotation(address account,bytes32 nodeKeyDigest,uint256 nonce,uint64 deadline)"),
                trainer(0),
                nodeKeyDigest,
                nonce,
                deadline
            )
        );
        return sign(trainerKeys[0], typed("TenWings MemberRegistry", address(members), structHash));
    }

    function test_a_member_rotates_the_node_key_and_the_old_one_stays_taken() public {
        (,,,, bytes32 oldKey) = members.memberOf(trainer(0));
        bytes32 newKey = keccak256("new key");
        members.rotateNodeKey(trainer(0), newKey, LATER, signRotation(newKey, 0, LATER));

        (,,,, bytes32 found) = members.memberOf(trainer(0));
        same(found, newKey);
        bytes memory back = signRotation(oldKey, 1, LATER);
        vm.expectRevert(abi.encodeWithSelector(IMemberRegistry.NodeKeyTaken.selector, oldKey, trainerId(0)));
        members.rotateNodeKey(trainer(0), oldKey, LATER, back);
    }

    function test_a_replayed_rotation_is_refused() public {
        bytes32 newKey = keccak256("new key");
        bytes memory signature = signRotation(newKey, 0, LATER);
        members.rotateNodeKey(trainer(0), newKey, LATER, signature);
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, trainer(0), signature));
        members.rotateNodeKey(trainer(0), newKey, LATER, signature);
    }

    function test_an_expired_rotation_is_refused() public {
        uint64 past = uint64(START - 1);
        bytes memory signature = signRotation(keccak256("new key"), 0, past);
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.RequestExpired.selector, past, START));
        members.rotateNodeKey(trainer(0), keccak256("new key"), past, signature);
    }

    function test_a_suspended_member_cannot_rotate() public {
        vm.prank(address(timelock));
        members.setActive(trainerId(0), false);
        bytes memory signature = signRotation(keccak256("new key"), 0, LATER);
        vm.expectRevert(abi.encodeWithSelector(IMemberRegistry.NotAnActiveMember.selector, trainer(0)));
        members.rotateNodeKey(trainer(0), keccak256("new key"), LATER, signature);
    }

    function test_governance_suspends_and_restores() public {
        vm.prank(address(timelock));
        members.setActive(trainerId(0), false);
        holds(!members.isActive(trainer(0), 0), "still active");
        vm.prank(address(timelock));
        members.setActive(trainerId(0), true);
        holds(members.isActive(trainer(0), TRAINER), "not restored");
    }

    function test_only_governance_suspends(address stranger) public {
        vm.assume(stranger != address(timelock));
        bytes32 role = members.GOVERNANCE_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, role)
        );
        vm.prank(stranger);
        members.setActive(trainerId(0), false);
    }

    function test_an_unknown_member_id_is_named() public {
        vm.expectRevert(abi.encodeWithSelector(IMemberRegistry.UnknownMember.selector, 99));
        members.accountOf(99);
    }

    function test_active_asks_for_all_the_roles_given() public {
        join(KEY, TRAINER | CURATOR);
        address account = vm.addr(KEY);
        holds(members.isActive(account, TRAINER | CURATOR), "has both");
        holds(!members.isActive(account, TRAINER | EVALUATOR), "has only one of the two");
        holds(!members.isActive(RELAYER, 0), "never joined");
    }

    // What pages are built from.

    function test_joining_tells_roles_key_name_and_who_vouched() public {
        IMemberRegistry.JoinRequest memory request = joining();
        bytes memory signature = signJoin(KEY, request);
        bytes memory voucher = signVoucher(ADMITTER_KEY, request);
        vm.expectEmit(address(members));
        emit IMemberRegistry.MemberJoined(
            8, request.account, TRAINER, request.nodeKeyDigest, "Ada", vm.addr(ADMITTER_KEY)
        );
        members.join(request, signature, voucher);
    }

    function test_a_rotation_tells_the_old_key_and_the_new() public {
        (,,,, bytes32 oldKey) = members.memberOf(trainer(0));
        bytes32 newKey = keccak256("new key");
        bytes memory signature = signRotation(newKey, 0, LATER);
        vm.expectEmit(address(members));
        emit IMemberRegistry.NodeKeyRotated(1, trainer(0), oldKey, newKey);
        members.rotateNodeKey(trainer(0), newKey, LATER, signature);
    }

    function test_a_suspension_and_its_end_are_told() public {
        vm.expectEmit(address(members));
        emit IMemberRegistry.MemberActiveSet(1, false);
        vm.prank(address(timelock));
        members.setActive(1, false);
        vm.expectEmit(address(members));
        emit IMemberRegistry.MemberActiveSet(1, true);
        vm.prank(address(timelock));
        members.setActive(1, true);
    }

    function test_a_request_holds_to_the_last_second_of_its_deadline() public {
        IMemberRegistry.JoinRequest memory request = joining();
        request.deadline = uint64(START);
        members.join(request, signJoin(KEY, request), signVoucher(ADMITTER_KEY, request));
        holds(members.isActive(request.account, TRAINER), "did not join");
    }

    function test_a_node_key_cannot_be_empty() public {
        IMemberRegistry.JoinRequest memory request = joining();
        request.nodeKeyDigest = 0;
        _expectRefusedJoin(request, abi.encodeWithSelector(IMemberRegistry.EmptyNodeKey.selector, request.account));
    }

    function test_a_rotation_signed_by_another_is_refused() public {
        bytes32 newKey = keccak256("new key");
        bytes memory signature = signRotation(newKey, 0, LATER);
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, trainer(1), signature));
        members.rotateNodeKey(trainer(1), newKey, LATER, signature);
    }

    function test_a_vote_admits_without_a_voucher() public {
        IMemberRegistry.JoinRequest memory request = joinRequest(KEY, TRAINER);
        bytes memory signature = signJoin(KEY, request);
        vm.prank(address(timelock));
        members.join(request, signature, "");
        holds(members.isActive(vm.addr(KEY), TRAINER), "did not join");
    }
}
