// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {World} from "./World.sol";
import {IArtifactRegistry} from "contracts/interfaces/IArtifactRegistry.sol";
import {ISignedRequests} from "contracts/interfaces/ISignedRequests.sol";

/// @title A chain of artifacts: a dataset, a checkpoint made from it, a release and a video made from that.
contract ArtifactStatesTest is World {
    bytes32 private constant CHECKPOINT = keccak256("a checkpoint");
    bytes32 private constant RELEASE = keccak256("a release");
    bytes32 private constant VIDEO = keccak256("a video");
    bytes32 private constant OTHER = keccak256("another dataset");

    function setUp() public override {
        super.setUp();
        register(0, IArtifactRegistry.Kind.Checkpoint, CHECKPOINT, dataset);
        register(0, IArtifactRegistry.Kind.Release, RELEASE, CHECKPOINT);
        register(1, IArtifactRegistry.Kind.Video, VIDEO, CHECKPOINT);
        register(0, IArtifactRegistry.Kind.Dataset, OTHER, 0);
    }

    function registration(uint256 i, IArtifactRegistry.Kind kind, bytes32 digest, bytes32 parent)
        private
        view
        returns (IArtifactRegistry.Registration memory)
    {
        bytes32[] memory parents = new bytes32[](parent == 0 ? 0 : 1);
        if (parent != 0) parents[0] = parent;
        return IArtifactRegistry.Registration(
            trainer(i), uint8(kind), cid(digest), "Apache-2.0", parents, false, LATER
        );
    }

    function register(uint256 i, IArtifactRegistry.Kind kind, bytes32 digest, bytes32 parent) private {
        IArtifactRegistry.Registration memory r = registration(i, kind, digest, parent);
        artifacts.register(r, signRegistration(trainerKeys[i], r));
    }

    function signSupersession(uint256 key, address owner, bytes32 digest, bytes32 by)
        private
        view
        returns (bytes memory)
    {
        bytes32 typehash = keccak256("Supersession(address owner,bytes32 digest,bytes32 by,uint64 deadline)");
        bytes32 structHash = keccak256(abi.encode(typehash, owner, digest, by, LATER));
        return sign(key, typed("TenWings ArtifactRegistry", address(artifacts), structHash));
    }

    function signWithdrawal(uint256 key, address owner, bytes32 digest) private view returns (bytes memory) {
        bytes32 typehash = keccak256("Withdrawal(address owner,bytes32 digest,uint64 deadline)");
        bytes32 structHash = keccak256(abi.encode(typehash, owner, digest, LATER));
        return sign(key, typed("TenWings ArtifactRegistry", address(artifacts), structHash));
    }

    function descendants() private pure returns (IArtifactRegistry.Descendant[] memory listed) {
        listed = new IArtifactRegistry.Descendant[](3);
        listed[0] = IArtifactRegistry.Descendant(CHECKPOINT, 0);
        listed[1] = IArtifactRegistry.Descendant(RELEASE, 1);
        listed[2] = IArtifactRegistry.Descendant(VIDEO, 1);
    }

    function test_parents_are_kept_with_what_was_made_from_them() public view {
        holds(artifacts.isParent(CHECKPOINT, VIDEO), "the video was made from the checkpoint");
        holds(!artifacts.isParent(VIDEO, CHECKPOINT), "not the other way round");
        holds(!artifacts.isParent(dataset, VIDEO), "a grandparent is no parent");
    }

    function takeDown() private {
        vm.prank(address(timelock));
        artifacts.takeDown(dataset, descendants(), cid(keccak256("report")));
    }

    function _is(bytes32 digest, IArtifactRegistry.State expected) private view {
        same(uint8(artifacts.stateOf(digest)), uint8(expected));
    }

    function test_an_owner_supersedes_through_any_relayer() public {
        bytes memory signature = signSupersession(trainerKeys[0], trainer(0), dataset, OTHER);
        vm.prank(RELAYER);
        artifacts.supersede(dataset, OTHER, LATER, signature);
        _is(dataset, IArtifactRegistry.State.Superseded);
        _is(OTHER, IArtifactRegistry.State.Active);
    }

    function test_a_member_cannot_supersede_anothers_artifact() public {
        bytes memory signature = signSupersession(trainerKeys[1], trainer(1), dataset, OTHER);
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, trainer(0), signature));
        artifacts.supersede(dataset, OTHER, LATER, signature);
    }

    function test_only_an_active_artifact_of_the_same_kind_succeeds() public {
        bytes memory signature = signSupersession(trainerKeys[0], trainer(0), dataset, CHECKPOINT);
        vm.expectRevert(abi.encodeWithSelector(IArtifactRegistry.NotASuccessor.selector, dataset, CHECKPOINT));
        artifacts.supersede(dataset, CHECKPOINT, LATER, signature);
        signature = signSupersession(trainerKeys[0], trainer(0), dataset, dataset);
        vm.expectRevert(abi.encodeWithSelector(IArtifactRegistry.NotASuccessor.selector, dataset, dataset));
        artifacts.supersede(dataset, dataset, LATER, signature);
    }

    function test_an_owner_revokes_once() public {
        bytes memory signature = signWithdrawal(trainerKeys[0], trainer(0), dataset);
        artifacts.revoke(dataset, LATER, signature);
        _is(dataset, IArtifactRegistry.State.Revoked);
        vm.expectRevert(
            abi.encodeWithSelector(IArtifactRegistry.WrongState.selector, dataset, IArtifactRegistry.State.Revoked)
        );
        artifacts.revoke(dataset, LATER, signature);
    }

    /// @dev Attack: a signature over one request passes for another function of the same contract.
    function test_a_supersession_is_no_withdrawal() public {
        bytes memory signature = signSupersession(trainerKeys[0], trainer(0), dataset, OTHER);
        vm.expectPartialRevert(ISignedRequests.InvalidSignature.selector);
        artifacts.revoke(dataset, LATER, signature);
    }

    /// @dev Attack: the same signature on another chain.
    function test_a_withdrawal_of_another_chain_is_refused() public {
        bytes memory signature = signWithdrawal(trainerKeys[0], trainer(0), dataset);
        vm.chainId(block.chainid + 1);
        vm.expectPartialRevert(ISignedRequests.InvalidSignature.selector);
        artifacts.revoke(dataset, LATER, signature);
    }

    /// @dev Attack: the other form of the same signature.
    function test_a_malleated_withdrawal_is_refused() public {
        bytes memory signature = malleated(signWithdrawal(trainerKeys[0], trainer(0), dataset));
        vm.expectPartialRevert(ISignedRequests.InvalidSignature.selector);
        artifacts.revoke(dataset, LATER, signature);
    }

    function test_a_freeze_ends_by_itself_and_gives_the_earlier_state_back(uint48 seconds_) public {
        seconds_ = uint48(between(seconds_, 1, 30 days));
        artifacts.supersede(dataset, OTHER, LATER, signSupersession(trainerKeys[0], trainer(0), dataset, OTHER));
        vm.prank(RESPONDER);
        artifacts.freeze(dataset, uint48(START) + seconds_);
        _is(dataset, IArtifactRegistry.State.Frozen);
        vm.warp(START + seconds_);
        _is(dataset, IArtifactRegistry.State.Superseded);
    }

    function test_a_freeze_is_at_most_30_days() public {
        uint48 late = uint48(START + 30 days + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IArtifactRegistry.InvalidFreeze.selector, late, START + 30 days)
        );
        vm.prank(RESPONDER);
        artifacts.freeze(dataset, late);
    }

    function test_a_freeze_is_lifted_by_who_may_freeze() public {
        vm.prank(RESPONDER);
        artifacts.freeze(dataset, uint48(START + 1 days));
        vm.prank(RESPONDER);
        artifacts.unfreeze(dataset);
        _is(dataset, IArtifactRegistry.State.Active);
    }

    function test_only_the_incident_role_freezes(address stranger) public {
        vm.assume(stranger != RESPONDER);
        bytes32 role = artifacts.INCIDENT_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, role)
        );
        vm.prank(stranger);
        artifacts.freeze(dataset, uint48(START + 1 days));
    }

    function test_nothing_is_made_from_what_is_frozen_or_taken_down() public {
        vm.prank(RESPONDER);
        artifacts.freeze(dataset, uint48(START + 1 days));
        IArtifactRegistry.Registration memory r =
            registration(1, IArtifactRegistry.Kind.Checkpoint, keccak256("new"), dataset);
        bytes memory signature = signRegistration(trainerKeys[1], r);
        vm.expectRevert(
            abi.encodeWithSelector(IArtifactRegistry.ParentNotUsable.selector, dataset, IArtifactRegistry.State.Frozen)
        );
        artifacts.register(r, signature);
        takeDown();
        vm.expectRevert(
            abi.encodeWithSelector(
                IArtifactRegistry.ParentNotUsable.selector, dataset, IArtifactRegistry.State.TakenDown
            )
        );
        artifacts.register(r, signature);
    }

    function test_a_takedown_leaves_descendants_as_they_are() public {
        takeDown();
        _is(dataset, IArtifactRegistry.State.TakenDown);
        _is(CHECKPOINT, IArtifactRegistry.State.Active);
        _is(VIDEO, IArtifactRegistry.State.Active);
    }

    /// @dev Attack: an artifact of somebody else is named as a descendant.
    function test_a_made_up_descendant_is_refused() public {
        IArtifactRegistry.Descendant[] memory listed = new IArtifactRegistry.Descendant[](1);
        listed[0] = IArtifactRegistry.Descendant(OTHER, 0);
        vm.expectRevert(abi.encodeWithSelector(IArtifactRegistry.NotADescendant.selector, OTHER, dataset));
        vm.prank(address(timelock));
        artifacts.takeDown(dataset, listed, cid(keccak256("report")));
    }

    /// @dev Attack: a true parent that is itself no descendant.
    function test_a_descendant_of_something_else_is_refused() public {
        IArtifactRegistry.Descendant[] memory listed = new IArtifactRegistry.Descendant[](2);
        listed[0] = IArtifactRegistry.Descendant(VIDEO, 0);
        vm.prank(address(timelock));
        vm.expectRevert(abi.encodeWithSelector(IArtifactRegistry.NotADescendant.selector, VIDEO, dataset));
        artifacts.takeDown(dataset, listed, cid(keccak256("report")));
        listed[0] = IArtifactRegistry.Descendant(VIDEO, 2); // a parent that stands later in the list
        listed[1] = IArtifactRegistry.Descendant(CHECKPOINT, 0);
        vm.prank(address(timelock));
        vm.expectRevert(abi.encodeWithSelector(IArtifactRegistry.NotADescendant.selector, VIDEO, 0));
        artifacts.takeDown(dataset, listed, cid(keccak256("report")));
    }

    /// @dev Attack: an entry that points at itself or further on stands for a parent that is not named yet.
    function test_a_descendant_is_named_after_what_it_descends_from() public {
        bytes32 child = keccak256("a child of nothing");
        register(0, IArtifactRegistry.Kind.Dataset, 0, 0); // a CID may have the digest 0
        IArtifactRegistry.Registration memory r = registration(1, IArtifactRegistry.Kind.Video, child, 0);
        r.parents = new bytes32[](1);
        artifacts.register(r, signRegistration(trainerKeys[1], r));
        IArtifactRegistry.Descendant[] memory listed = new IArtifactRegistry.Descendant[](1);
        listed[0] = IArtifactRegistry.Descendant(child, 1);
        vm.expectRevert(abi.encodeWithSelector(IArtifactRegistry.NotADescendant.selector, child, 0));
        vm.prank(address(timelock));
        artifacts.takeDown(dataset, listed, cid(keccak256("report")));
    }

    function test_only_a_vote_or_an_incident_takes_down(address stranger) public {
        vm.assume(stranger != RESPONDER && stranger != address(timelock));
        bytes32 role = artifacts.GOVERNANCE_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, role)
        );
        vm.prank(stranger);
        artifacts.takeDown(dataset, descendants(), cid(keccak256("report")));
    }

    function test_an_owner_changes_nothing_about_what_was_taken_down() public {
        takeDown();
        bytes memory withdrawal = signWithdrawal(trainerKeys[0], trainer(0), dataset);
        vm.expectPartialRevert(IArtifactRegistry.WrongState.selector);
        artifacts.revoke(dataset, LATER, withdrawal);
        bytes memory supersession = signSupersession(trainerKeys[0], trainer(0), dataset, OTHER);
        vm.expectPartialRevert(IArtifactRegistry.WrongState.selector);
        artifacts.supersede(dataset, OTHER, LATER, supersession);
        IArtifactRegistry.Registration memory r =
            registration(0, IArtifactRegistry.Kind.Dataset, dataset, 0);
        bytes memory signature = signRegistration(trainerKeys[0], r);
        vm.expectPartialRevert(IArtifactRegistry.AlreadyRegistered.selector);
        artifacts.register(r, signature);
        vm.prank(RESPONDER);
        vm.expectPartialRevert(IArtifactRegistry.WrongState.selector);
        artifacts.freeze(dataset, uint48(START + 1));
    }

    function test_a_release_names_its_checkpoint_first() public {
        IArtifactRegistry.Registration memory r =
            registration(1, IArtifactRegistry.Kind.Release, keccak256("bare"), dataset);
        bytes memory signature = signRegistration(trainerKeys[1], r);
        vm.expectRevert(
            abi.encodeWithSelector(IArtifactRegistry.ReleaseWithoutCheckpoint.selector, keccak256("bare"))
        );
        artifacts.register(r, signature);
    }

    function test_a_vote_certifies_a_release_and_nothing_else() public {
        vm.prank(address(timelock));
        artifacts.certifyRelease(RELEASE);
        (, bool certified) = artifacts.marksOf(RELEASE);
        holds(certified, "not certified");
        vm.expectRevert(abi.encodeWithSelector(IArtifactRegistry.NotARelease.selector, VIDEO));
        vm.prank(address(timelock));
        artifacts.certifyRelease(VIDEO);
    }

    function test_only_a_dataset_can_be_restricted() public {
        IArtifactRegistry.Registration memory r =
            registration(1, IArtifactRegistry.Kind.Video, keccak256("secret"), dataset);
        r.restricted = true;
        bytes memory signature = signRegistration(trainerKeys[1], r);
        vm.expectRevert(
            abi.encodeWithSelector(IArtifactRegistry.NotRestrictable.selector, IArtifactRegistry.Kind.Video)
        );
        artifacts.register(r, signature);
    }

    function test_what_a_member_registered_is_the_members_after_a_move() public {
        vm.prank(address(timelock));
        members.moveMember(trainerId(0), vm.addr(OUTSIDER_KEY));
        same(artifacts.ownerOf(dataset), vm.addr(OUTSIDER_KEY));
        bytes memory stale = signWithdrawal(trainerKeys[0], trainer(0), dataset);
        vm.expectPartialRevert(ISignedRequests.InvalidSignature.selector);
        artifacts.revoke(dataset, LATER, stale);
        artifacts.revoke(dataset, LATER, signWithdrawal(OUTSIDER_KEY, vm.addr(OUTSIDER_KEY), dataset));
    }

    // What pages are built from.

    function test_a_supersession_and_a_withdrawal_are_told() public {
        bytes memory signature = signSupersession(trainerKeys[0], trainer(0), dataset, OTHER);
        vm.expectEmit(address(artifacts));
        emit IArtifactRegistry.ArtifactSuperseded(dataset, OTHER);
        artifacts.supersede(dataset, OTHER, LATER, signature);
        signature = signWithdrawal(trainerKeys[0], trainer(0), dataset);
        vm.expectEmit(address(artifacts));
        emit IArtifactRegistry.ArtifactRevoked(dataset);
        artifacts.revoke(dataset, LATER, signature);
        _is(dataset, IArtifactRegistry.State.Revoked);
    }

    function test_a_freeze_and_its_early_end_are_told() public {
        vm.expectEmit(address(artifacts));
        emit IArtifactRegistry.ArtifactFrozen(dataset, uint48(START + 1 days));
        vm.prank(RESPONDER);
        artifacts.freeze(dataset, uint48(START + 1 days));
        vm.expectEmit(address(artifacts));
        emit IArtifactRegistry.ArtifactUnfrozen(dataset);
        vm.prank(RESPONDER);
        artifacts.unfreeze(dataset);
        _is(dataset, IArtifactRegistry.State.Active);
    }

    function test_a_takedown_tells_by_whom_what_else_and_why() public {
        bytes32[] memory named = new bytes32[](3);
        (named[0], named[1], named[2]) = (CHECKPOINT, RELEASE, VIDEO);
        bytes memory why = cid(keccak256("report"));
        vm.expectEmit(address(artifacts));
        emit IArtifactRegistry.ArtifactTakenDown(dataset, RESPONDER, named, why);
        vm.prank(RESPONDER);
        artifacts.takeDown(dataset, descendants(), why);
    }

    function test_a_certified_release_is_told() public {
        vm.expectEmit(address(artifacts));
        emit IArtifactRegistry.ReleaseCertified(RELEASE);
        vm.prank(address(timelock));
        artifacts.certifyRelease(RELEASE);
    }

    // What must not be.

    function _wrong(bytes32 digest, IArtifactRegistry.State found) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IArtifactRegistry.WrongState.selector, digest, found);
    }

    function test_nothing_is_superseded_twice_or_by_what_was_withdrawn() public {
        artifacts.revoke(OTHER, LATER, signWithdrawal(trainerKeys[0], trainer(0), OTHER));
        bytes memory signature = signSupersession(trainerKeys[0], trainer(0), dataset, OTHER);
        vm.expectRevert(_wrong(OTHER, IArtifactRegistry.State.Revoked));
        artifacts.supersede(dataset, OTHER, LATER, signature);
        signature = signSupersession(trainerKeys[0], trainer(0), OTHER, dataset);
        vm.expectRevert(_wrong(OTHER, IArtifactRegistry.State.Revoked));
        artifacts.supersede(OTHER, dataset, LATER, signature);
    }

    function test_a_suspended_owner_changes_nothing() public {
        vm.prank(address(timelock));
        members.setActive(1, false);
        bytes memory signature = signWithdrawal(trainerKeys[0], trainer(0), dataset);
        vm.expectPartialRevert(bytes4(keccak256("NotAnActiveMember(address)")));
        artifacts.revoke(dataset, LATER, signature);
        signature = signSupersession(trainerKeys[0], trainer(0), dataset, OTHER);
        vm.expectPartialRevert(bytes4(keccak256("NotAnActiveMember(address)")));
        artifacts.supersede(dataset, OTHER, LATER, signature);
    }

    function test_what_is_frozen_cannot_be_withdrawn() public {
        vm.prank(RESPONDER);
        artifacts.freeze(dataset, uint48(START + 1 days));
        bytes memory signature = signWithdrawal(trainerKeys[0], trainer(0), dataset);
        vm.expectRevert(_wrong(dataset, IArtifactRegistry.State.Frozen));
        artifacts.revoke(dataset, LATER, signature);
    }

    function test_what_was_never_registered_is_neither_frozen_nor_taken_down() public {
        bytes32 nothing = keccak256("nothing");
        vm.expectRevert(_wrong(nothing, IArtifactRegistry.State.None));
        vm.prank(RESPONDER);
        artifacts.freeze(nothing, uint48(START + 1 days));
        bytes memory why = cid(keccak256("report"));
        vm.expectRevert(_wrong(nothing, IArtifactRegistry.State.None));
        vm.prank(RESPONDER);
        artifacts.takeDown(nothing, new IArtifactRegistry.Descendant[](0), why);
    }

    function test_a_freeze_into_the_past_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IArtifactRegistry.InvalidFreeze.selector, START, START + 30 days));
        vm.prank(RESPONDER);
        artifacts.freeze(dataset, uint48(START));
    }

    function test_a_takedown_happens_once_and_names_its_report() public {
        vm.expectPartialRevert(bytes4(keccak256("InvalidCid(bytes)")));
        vm.prank(RESPONDER);
        artifacts.takeDown(dataset, new IArtifactRegistry.Descendant[](0), "no cid");
        takeDown();
        vm.expectRevert(_wrong(dataset, IArtifactRegistry.State.TakenDown));
        vm.prank(address(timelock));
        artifacts.takeDown(dataset, new IArtifactRegistry.Descendant[](0), "no cid");
    }

    function test_a_withdrawn_release_is_not_certified() public {
        artifacts.revoke(RELEASE, LATER, signWithdrawal(trainerKeys[0], trainer(0), RELEASE));
        vm.expectRevert(_wrong(RELEASE, IArtifactRegistry.State.Revoked));
        vm.prank(address(timelock));
        artifacts.certifyRelease(RELEASE);
    }

    function test_a_release_without_parents_is_refused() public {
        IArtifactRegistry.Registration memory r =
            registration(1, IArtifactRegistry.Kind.Release, keccak256("bare"), 0);
        bytes memory signature = signRegistration(trainerKeys[1], r);
        vm.expectRevert(
            abi.encodeWithSelector(IArtifactRegistry.ReleaseWithoutCheckpoint.selector, keccak256("bare"))
        );
        artifacts.register(r, signature);
    }
}
