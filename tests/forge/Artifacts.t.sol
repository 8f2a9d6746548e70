// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {World} from "./World.sol";
import {IArtifactRegistry} from "contracts/interfaces/IArtifactRegistry.sol";
import {ICids} from "contracts/interfaces/ICids.sol";
import {IDataAccess} from "contracts/interfaces/IDataAccess.sol";
import {ISignedRequests} from "contracts/interfaces/ISignedRequests.sol";

contract ArtifactsTest is World {
    bytes32 private constant DIGEST = keccak256("a codec");

    function registration() private view returns (IArtifactRegistry.Registration memory) {
        bytes32[] memory parents = new bytes32[](1);
        parents[0] = dataset;
        uint8 kind = uint8(IArtifactRegistry.Kind.Codec);
        return IArtifactRegistry.Registration(trainer(1), kind, cid(DIGEST), "Apache-2.0", parents, false, LATER);
    }

    function _expectRefused(IArtifactRegistry.Registration memory r, bytes memory reason) private {
        bytes memory signature = signRegistration(trainerKeys[1], r);
        vm.expectRevert(reason);
        artifacts.register(r, signature);
    }

    function test_a_member_registers_through_any_relayer(uint256 kindSeed) public {
        IArtifactRegistry.Registration memory r = registration();
        r.kind = uint8(between(kindSeed, 1, 7));
        vm.assume(r.kind != uint8(IArtifactRegistry.Kind.Release)); // needs a checkpoint
        bytes memory signature = signRegistration(trainerKeys[1], r);
        vm.prank(RELAYER);
        same(artifacts.register(r, signature), DIGEST);

        (IArtifactRegistry.Kind kind, address account, uint16 licenceId, uint64 at_) = artifacts.artifact(DIGEST);
        same(uint8(kind), r.kind);
        same(account, trainer(1));
        same(licenceId, 2);
        same(at_, START);
    }

    function test_registering_twice_is_refused() public {
        IArtifactRegistry.Registration memory r = registration();
        artifacts.register(r, signRegistration(trainerKeys[1], r));
        _expectRefused(r, abi.encodeWithSelector(IArtifactRegistry.AlreadyRegistered.selector, DIGEST, trainer(1)));
    }

    function test_a_licence_outside_the_list_is_refused() public {
        IArtifactRegistry.Registration memory r = registration();
        r.licence = "Proprietary";
        _expectRefused(r, abi.encodeWithSelector(IArtifactRegistry.LicenceNotAllowed.selector, "Proprietary"));
    }

    function test_governance_allows_and_forbids_a_licence() public {
        vm.prank(address(timelock));
        artifacts.setLicence("MIT", true);
        IArtifactRegistry.Registration memory r = registration();
        r.licence = "MIT";
        artifacts.register(r, signRegistration(trainerKeys[1], r));
        (,, uint16 licenceId,) = artifacts.artifact(DIGEST);
        same(licenceId, 3);

        vm.prank(address(timelock));
        artifacts.setLicence("MIT", false);
        r.cid = cid(keccak256("another"));
        _expectRefused(r, abi.encodeWithSelector(IArtifactRegistry.LicenceNotAllowed.selector, "MIT"));
        same(artifacts.numLicences(), 3);
    }

    function test_only_governance_changes_the_licences() public {
        bytes32 role = artifacts.GOVERNANCE_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, RELAYER, role)
        );
        vm.prank(RELAYER);
        artifacts.setLicence("MIT", true);
    }

    function test_an_unregistered_parent_is_refused(bytes32 parent) public {
        vm.assume(parent != dataset);
        IArtifactRegistry.Registration memory r = registration();
        r.parents[0] = parent;
        _expectRefused(r, abi.encodeWithSelector(IArtifactRegistry.UnknownParent.selector, parent));
    }

    function test_an_unknown_kind_is_refused(uint8 kind) public {
        vm.assume(kind == 0 || kind > 7);
        IArtifactRegistry.Registration memory r = registration();
        r.kind = kind;
        _expectRefused(r, abi.encodeWithSelector(IArtifactRegistry.InvalidKind.selector, kind));
    }

    function test_what_is_no_cid_is_refused(bytes memory junk) public {
        vm.assume(junk.length != 36);
        IArtifactRegistry.Registration memory r = registration();
        r.cid = junk;
        _expectRefused(r, abi.encodeWithSelector(ICids.InvalidCid.selector, junk));
    }

    function test_an_outsider_cannot_register() public {
        IArtifactRegistry.Registration memory r = registration();
        r.account = vm.addr(OUTSIDER_KEY);
        bytes memory signature = signRegistration(OUTSIDER_KEY, r);
        vm.expectRevert(abi.encodeWithSelector(IDataAccess.NotAnActiveMember.selector, r.account));
        artifacts.register(r, signature);
    }

    function test_a_suspended_member_cannot_register() public {
        vm.prank(address(timelock));
        members.setActive(trainerId(1), false);
        _expectRefused(
            registration(), abi.encodeWithSelector(IDataAccess.NotAnActiveMember.selector, trainer(1))
        );
    }

    function test_a_registration_signed_by_another_member_is_refused() public {
        IArtifactRegistry.Registration memory r = registration();
        bytes memory signature = signRegistration(trainerKeys[2], r);
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, trainer(1), signature));
        artifacts.register(r, signature);
    }

    function test_other_parents_than_those_signed_are_refused() public {
        IArtifactRegistry.Registration memory r = registration();
        bytes memory signature = signRegistration(trainerKeys[1], r);
        r.parents = new bytes32[](0);
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, trainer(1), signature));
        artifacts.register(r, signature);
    }

    function test_an_expired_registration_is_refused() public {
        IArtifactRegistry.Registration memory r = registration();
        r.deadline = uint64(START - 1);
        _expectRefused(r, abi.encodeWithSelector(ISignedRequests.RequestExpired.selector, r.deadline, START));
    }

    function test_a_registration_is_told_whole() public {
        IArtifactRegistry.Registration memory r = registration();
        bytes memory signature = signRegistration(trainerKeys[1], r);
        vm.expectEmit(address(artifacts));
        emit IArtifactRegistry.ArtifactRegistered(
            DIGEST, IArtifactRegistry.Kind.Codec, trainer(1), r.cid, "Apache-2.0", r.parents, false
        );
        artifacts.register(r, signature);
    }

    function test_a_licence_is_told_and_keeps_its_number() public {
        vm.expectEmit(address(artifacts));
        emit IArtifactRegistry.LicenceSet(3, "MIT", true);
        vm.prank(address(timelock));
        artifacts.setLicence("MIT", true);
        vm.expectEmit(address(artifacts));
        emit IArtifactRegistry.LicenceSet(3, "MIT", false);
        vm.prank(address(timelock));
        artifacts.setLicence("MIT", false);
        same(artifacts.numLicences(), 3);
        (string memory spdxId, bool allowed) = artifacts.licence(3);
        same(keccak256(bytes(spdxId)), keccak256("MIT"));
        holds(!allowed, "still allowed");
    }
}
