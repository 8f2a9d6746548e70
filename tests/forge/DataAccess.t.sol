// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

import {World} from "./World.sol";
import {IArtifactRegistry} from "contracts/interfaces/IArtifactRegistry.sol";
import {IDataAccess} from "contracts/interfaces/IDataAccess.sol";
import {ISignedRequests} from "contracts/interfaces/ISignedRequests.sol";

/// @title A restricted dataset of trainer 0; trainer 1 asks for it.
contract DataAccessTest is World {
    bytes32 private constant SECRET = keccak256("a restricted dataset");

    function setUp() public override {
        super.setUp();
        IArtifactRegistry.Registration memory r = IArtifactRegistry.Registration(
            trainer(0), uint8(IArtifactRegistry.Kind.Dataset), cid(SECRET), "Apache-2.0", new bytes32[](0), true, LATER
        );
        artifacts.register(r, signRegistration(trainerKeys[0], r));
    }

    function request(uint256 i) private view returns (IDataAccess.AccessRequest memory) {
        return IDataAccess.AccessRequest(
            trainer(i), SECRET, keccak256("key"), "a study of waves", artifacts.nonces(trainer(i)), LATER
        );
    }

    function grant(uint256 i) private view returns (IDataAccess.AccessGrant memory) {
        return IDataAccess.AccessGrant(
            trainer(0), SECRET, trainer(i), hex"c0ffee", artifacts.nonces(trainer(0)), LATER
        );
    }

    function revocation(uint256 i) private view returns (IDataAccess.AccessRevocation memory) {
        return IDataAccess.AccessRevocation(trainer(0), SECRET, trainer(i), artifacts.nonces(trainer(0)), LATER);
    }

    function signRequest(uint256 key, IDataAccess.AccessRequest memory r) private view returns (bytes memory) {
        bytes32 typehash = keccak256(
            "AccessRequest(address account,bytes32 digest,bytes32 encryptionKey,string purpose,uint256 nonce,uint64 deadline)"
        );
        bytes32 structHash = keccak256(
            abi.encode(
                typehash, r.account, r.digest, r.encryptionKey, keccak256(bytes(r.purpose)), r.nonce, r.deadline
            )
        );
        return sign(key, typed("TenWings ArtifactRegistry", address(artifacts), structHash));
    }

    function signGrant(uint256 key, IDataAccess.AccessGrant memory g) private view returns (bytes memory) {
        bytes32 typehash = keccak256(
            "AccessGrant(address owner,bytes32 digest,address account,bytes wrappedKey,uint256 nonce,uint64 deadline)"
        );
        bytes32 structHash = keccak256(
            abi.encode(typehash, g.owner, g.digest, g.account, keccak256(g.wrappedKey), g.nonce, g.deadline)
        );
        return sign(key, typed("TenWings ArtifactRegistry", address(artifacts), structHash));
    }

    function signRevocation(uint256 key, IDataAccess.AccessRevocation memory r) private view returns (bytes memory) {
        bytes32 typehash =
            keccak256("AccessRevocation(address owner,bytes32 digest,address account,uint256 nonce,uint64 deadline)");
        bytes32 structHash = keccak256(abi.encode(typehash, r.owner, r.digest, r.account, r.nonce, r.deadline));
        return sign(key, typed("TenWings ArtifactRegistry", address(artifacts), structHash));
    }

    function ask(uint256 i) private {
        IDataAccess.AccessRequest memory r = request(i);
        artifacts.requestAccess(r, signRequest(trainerKeys[i], r));
    }

    function letIn(uint256 i) private {
        IDataAccess.AccessGrant memory g = grant(i);
        artifacts.grantAccess(g, signGrant(trainerKeys[0], g));
    }

    function _has(uint256 i, IDataAccess.Access expected) private view {
        same(uint8(artifacts.accessOf(SECRET, trainer(i))), uint8(expected));
    }

    function test_a_member_asks_the_owner_grants_and_revokes() public {
        ask(1);
        _has(1, IDataAccess.Access.Requested);
        letIn(1);
        _has(1, IDataAccess.Access.Granted);
        IDataAccess.AccessRevocation memory r = revocation(1);
        artifacts.revokeAccess(r, signRevocation(trainerKeys[0], r));
        _has(1, IDataAccess.Access.None);
    }

    function test_nobody_is_let_in_who_did_not_ask() public {
        IDataAccess.AccessGrant memory g = grant(1);
        bytes memory signature = signGrant(trainerKeys[0], g);
        vm.expectRevert(
            abi.encodeWithSelector(IDataAccess.WrongAccess.selector, SECRET, trainer(1), IDataAccess.Access.None)
        );
        artifacts.grantAccess(g, signature);
    }

    function test_only_the_owner_grants() public {
        ask(1);
        IDataAccess.AccessGrant memory g = grant(1);
        g.owner = trainer(2);
        g.nonce = artifacts.nonces(trainer(2));
        bytes memory signature = signGrant(trainerKeys[2], g);
        vm.expectRevert(
            abi.encodeWithSelector(IDataAccess.NotTheOwner.selector, SECRET, trainer(2), trainer(0))
        );
        artifacts.grantAccess(g, signature);
    }

    /// @dev Attack: the member itself signs the owner's grant.
    function test_a_grant_signed_by_the_asking_member_is_refused() public {
        ask(1);
        IDataAccess.AccessGrant memory g = grant(1);
        bytes memory signature = signGrant(trainerKeys[1], g);
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, trainer(0), signature));
        artifacts.grantAccess(g, signature);
    }

    /// @dev Attack: after a revocation the member asks again and brings the old grant.
    function test_a_grant_is_not_replayed_after_a_revocation() public {
        ask(1);
        IDataAccess.AccessGrant memory old = grant(1);
        bytes memory signature = signGrant(trainerKeys[0], old);
        artifacts.grantAccess(old, signature);
        IDataAccess.AccessRevocation memory r = revocation(1);
        artifacts.revokeAccess(r, signRevocation(trainerKeys[0], r));
        ask(1);
        vm.expectRevert(abi.encodeWithSelector(Nonces.InvalidAccountNonce.selector, trainer(0), 2));
        artifacts.grantAccess(old, signature);
    }

    /// @dev Attack: a revocation of one dataset is read as one of another, or on another chain.
    function test_a_grant_for_another_member_or_chain_is_refused() public {
        ask(1);
        ask(2);
        IDataAccess.AccessGrant memory g = grant(1);
        bytes memory signature = signGrant(trainerKeys[0], g);
        g.account = trainer(2);
        vm.expectPartialRevert(ISignedRequests.InvalidSignature.selector);
        artifacts.grantAccess(g, signature);
        g.account = trainer(1);
        vm.chainId(block.chainid + 1);
        vm.expectPartialRevert(ISignedRequests.InvalidSignature.selector);
        artifacts.grantAccess(g, signature);
    }

    function test_an_open_dataset_needs_no_request() public {
        IDataAccess.AccessRequest memory r = request(1);
        r.digest = dataset;
        bytes memory signature = signRequest(trainerKeys[1], r);
        vm.expectRevert(abi.encodeWithSelector(IDataAccess.NotRestricted.selector, dataset));
        artifacts.requestAccess(r, signature);
    }

    function test_an_outsider_cannot_ask() public {
        IDataAccess.AccessRequest memory r = request(1);
        r.account = vm.addr(OUTSIDER_KEY);
        r.nonce = 0;
        bytes memory signature = signRequest(OUTSIDER_KEY, r);
        vm.expectRevert(abi.encodeWithSelector(IDataAccess.NotAnActiveMember.selector, r.account));
        artifacts.requestAccess(r, signature);
    }

    function test_a_request_says_what_for_and_brings_a_key() public {
        IDataAccess.AccessRequest memory r = request(1);
        r.purpose = "";
        bytes memory signature = signRequest(trainerKeys[1], r);
        vm.expectRevert(abi.encodeWithSelector(IDataAccess.InvalidLength.selector, 0, 512));
        artifacts.requestAccess(r, signature);
        r = request(1);
        r.encryptionKey = 0;
        signature = signRequest(trainerKeys[1], r);
        vm.expectRevert(abi.encodeWithSelector(IDataAccess.EmptyEncryptionKey.selector, trainer(1)));
        artifacts.requestAccess(r, signature);
    }

    function test_asking_again_with_another_key_ends_the_grant() public {
        ask(1);
        letIn(1);
        ask(1);
        _has(1, IDataAccess.Access.Requested);
    }

    function test_a_frozen_dataset_lets_nobody_in() public {
        ask(1);
        vm.prank(RESPONDER);
        artifacts.freeze(SECRET, uint48(START + 1 days));
        IDataAccess.AccessGrant memory g = grant(1);
        bytes memory signature = signGrant(trainerKeys[0], g);
        vm.expectRevert(
            abi.encodeWithSelector(IArtifactRegistry.WrongState.selector, SECRET, IArtifactRegistry.State.Frozen)
        );
        artifacts.grantAccess(g, signature);
    }

    function test_a_request_a_grant_and_a_revocation_are_told_with_what_each_side_needs() public {
        IDataAccess.AccessRequest memory asked = request(1);
        bytes memory signature = signRequest(trainerKeys[1], asked);
        vm.expectEmit(address(artifacts));
        emit IDataAccess.AccessRequested(SECRET, trainer(1), keccak256("key"), "a study of waves");
        artifacts.requestAccess(asked, signature);

        IDataAccess.AccessGrant memory granted = grant(1);
        signature = signGrant(trainerKeys[0], granted);
        vm.expectEmit(address(artifacts));
        emit IDataAccess.AccessGranted(SECRET, trainer(1), hex"c0ffee");
        artifacts.grantAccess(granted, signature);

        IDataAccess.AccessRevocation memory revoked = revocation(1);
        signature = signRevocation(trainerKeys[0], revoked);
        vm.expectEmit(address(artifacts));
        emit IDataAccess.AccessRevoked(SECRET, trainer(1));
        artifacts.revokeAccess(revoked, signature);
    }

    /// @dev Attack: an old request is brought again, to end a grant or bring an old key back.
    function test_an_old_request_is_not_replayed() public {
        IDataAccess.AccessRequest memory r = request(1);
        bytes memory signature = signRequest(trainerKeys[1], r);
        artifacts.requestAccess(r, signature);
        letIn(1);
        vm.expectRevert(abi.encodeWithSelector(Nonces.InvalidAccountNonce.selector, trainer(1), 1));
        artifacts.requestAccess(r, signature);
    }

    /// @dev Attack: somebody asks in a member's name, with a key of its own.
    function test_nobody_asks_in_anothers_name() public {
        IDataAccess.AccessRequest memory r = request(1);
        bytes memory signature = signRequest(trainerKeys[2], r);
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, trainer(1), signature));
        artifacts.requestAccess(r, signature);
    }

    /// @dev Attack: a revocation is made by others than the owner, or brought again after another grant.
    function test_only_the_owner_revokes_and_each_revocation_serves_once() public {
        ask(1);
        letIn(1);
        IDataAccess.AccessRevocation memory r = revocation(1);
        bytes memory forged = signRevocation(trainerKeys[2], r);
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, trainer(0), forged));
        artifacts.revokeAccess(r, forged);
        bytes memory signature = signRevocation(trainerKeys[0], r);
        artifacts.revokeAccess(r, signature);
        ask(1);
        letIn(1);
        vm.expectRevert(abi.encodeWithSelector(Nonces.InvalidAccountNonce.selector, trainer(0), 3));
        artifacts.revokeAccess(r, signature);
        r.owner = trainer(2);
        vm.expectRevert(
            abi.encodeWithSelector(IDataAccess.NotTheOwner.selector, SECRET, trainer(2), trainer(0))
        );
        artifacts.revokeAccess(r, signature);
    }

    function test_what_was_never_asked_for_is_not_revoked() public {
        IDataAccess.AccessRevocation memory r = revocation(1);
        bytes memory signature = signRevocation(trainerKeys[0], r);
        vm.expectRevert(
            abi.encodeWithSelector(IDataAccess.WrongAccess.selector, SECRET, trainer(1), IDataAccess.Access.None)
        );
        artifacts.revokeAccess(r, signature);
    }

    function test_a_purpose_has_at_most_512_bytes_and_a_wrapped_key_256() public {
        IDataAccess.AccessRequest memory r = request(1);
        r.purpose = string(new bytes(513));
        bytes memory signature = signRequest(trainerKeys[1], r);
        vm.expectRevert(abi.encodeWithSelector(IDataAccess.InvalidLength.selector, 513, 512));
        artifacts.requestAccess(r, signature);
        r.purpose = string(new bytes(512));
        artifacts.requestAccess(r, signRequest(trainerKeys[1], r));
        IDataAccess.AccessGrant memory g = grant(1);
        g.wrappedKey = new bytes(257);
        signature = signGrant(trainerKeys[0], g);
        vm.expectRevert(abi.encodeWithSelector(IDataAccess.InvalidLength.selector, 257, 256));
        artifacts.grantAccess(g, signature);
        g.wrappedKey = new bytes(256);
        artifacts.grantAccess(g, signGrant(trainerKeys[0], g));
        _has(1, IDataAccess.Access.Granted);
    }

    function test_a_suspended_member_is_not_let_in() public {
        ask(1);
        vm.prank(address(timelock));
        members.setActive(2, false);
        IDataAccess.AccessGrant memory g = grant(1);
        bytes memory signature = signGrant(trainerKeys[0], g);
        vm.expectRevert(abi.encodeWithSelector(IDataAccess.NotAnActiveMember.selector, trainer(1)));
        artifacts.grantAccess(g, signature);
    }

    function test_a_dataset_that_was_taken_down_lets_nobody_in() public {
        vm.prank(RESPONDER);
        artifacts.takeDown(SECRET, new IArtifactRegistry.Descendant[](0), cid(keccak256("report")));
        IDataAccess.AccessRequest memory r = request(1);
        bytes memory signature = signRequest(trainerKeys[1], r);
        vm.expectRevert(
            abi.encodeWithSelector(IArtifactRegistry.WrongState.selector, SECRET, IArtifactRegistry.State.TakenDown)
        );
        artifacts.requestAccess(r, signature);
    }
}
