// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {Incidents} from "./Incidents.sol";
import {IArtifactRegistry} from "contracts/interfaces/IArtifactRegistry.sol";
import {IIncidentManager} from "contracts/interfaces/IIncidentManager.sol";

/// @title What a responder stops at once, and how it ends.
contract ContainmentTest is Incidents {
    function test_a_responder_pauses_bars_and_freezes_at_once() public {
        uint256 caseId = report(0, ACCUSED);
        uint48 until = uint48(START + 7 days);
        contain(caseId, ON_RUN, until);
        contain(caseId, ON_MEMBER, until);
        contain(caseId, ON_ARTIFACT, until);
        same(disputes.pausedUntil(RUN), until);
        holds(!members.isActive(trainer(1), 0), "not barred");
        same(uint8(artifacts.stateOf(dataset)), uint8(IArtifactRegistry.State.Frozen));
        vm.warp(until);
        holds(members.isActive(trainer(1), 0), "the bar did not end");
        same(uint8(artifacts.stateOf(dataset)), uint8(IArtifactRegistry.State.Active));
    }

    /// @dev Attack: a guardian or responder contains for ever.
    function test_a_containment_is_at_most_seven_days() public {
        uint256 caseId = report(0, ACCUSED);
        uint48 late = uint48(START + 7 days + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IIncidentManager.InvalidContainment.selector, late, START + 7 days)
        );
        contain(caseId, ON_RUN, late);
    }

    function test_a_containment_into_the_past_is_refused() public {
        report(0, ACCUSED);
        vm.expectRevert(
            abi.encodeWithSelector(IIncidentManager.InvalidContainment.selector, START, START + 7 days)
        );
        contain(1, ON_MEMBER, uint48(START));
    }

    function test_a_containment_never_outlives_the_case() public {
        uint256 caseId = report(0, ACCUSED);
        vm.warp(START + CASE_SECONDS - 1 days);
        uint48 late = uint48(START + CASE_SECONDS + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IIncidentManager.InvalidContainment.selector, late, START + CASE_SECONDS)
        );
        contain(caseId, ON_MEMBER, late);
    }

    /// @dev Attack: chained containments, each within its limit, of one case or of several.
    function test_containments_are_not_chained() public {
        uint256 first = report(0, ACCUSED);
        uint256 second = report(2, ACCUSED);
        uint48 until = uint48(START + 7 days);
        contain(first, ON_MEMBER, until);
        vm.warp(until);
        bytes memory reason = abi.encodeWithSelector(
            IIncidentManager.ContainedRecently.selector, ON_MEMBER, bytes32(ACCUSED), until + 30 days
        );
        vm.expectRevert(reason);
        contain(first, ON_MEMBER, until + 1 days);
        vm.expectRevert(reason);
        contain(second, ON_MEMBER, until + 1 days);
    }

    function test_only_what_the_case_is_about_is_contained() public {
        IIncidentManager.Report memory r = reportOf(0, 0);
        (r.runId, r.artifact) = (0, 0);
        uint256 caseId = incidents.report(r, signReport(trainerKeys[0], r));
        for (uint256 target = 0; target < 3; ++target) {
            vm.expectRevert(
                abi.encodeWithSelector(IIncidentManager.NothingToContain.selector, caseId, uint8(target))
            );
            contain(caseId, IIncidentManager.Target(target), uint48(START + 1));
        }
    }

    function test_containing_one_leaves_the_others_containable() public {
        report(0, ACCUSED);
        report(0, 3);
        contain(1, ON_MEMBER, uint48(START + 7 days));
        contain(2, ON_MEMBER, uint48(START + 7 days));
        holds(!members.isActive(trainer(1), 0) && !members.isActive(trainer(2), 0), "not both barred");
        same(disputes.pausedUntil(RUN), 0);
    }

    function test_only_a_responder_contains(address stranger) public {
        vm.assume(stranger != GUARDIAN);
        uint256 caseId = report(0, ACCUSED);
        bytes32 role = incidents.RESPONDER_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, role)
        );
        vm.prank(stranger);
        incidents.contain(caseId, ON_RUN, uint48(START + 1));
    }

    function test_closing_an_old_case_leaves_a_newer_containment() public {
        uint256 old = report(0, ACCUSED);
        contain(old, ON_ARTIFACT, uint48(START + 1 days));
        adjudicate(old, IIncidentManager.Status.Upheld, 0, 0);
        vm.warp(START + 32 days);
        uint256 fresh = report(0, ACCUSED);
        contain(fresh, ON_ARTIFACT, uint48(START + 33 days));
        vm.prank(GUARDIAN);
        incidents.close(old, cid(keccak256("post-mortem")));
        same(uint8(artifacts.stateOf(dataset)), uint8(IArtifactRegistry.State.Frozen));
    }

    function test_an_upheld_case_holds_what_it_contained_until_a_vote_or_responder_closes_it() public {
        report(0, ACCUSED);
        contain(1, ON_MEMBER, uint48(START + 7 days));
        adjudicate(1, IIncidentManager.Status.Upheld, 0, 0);
        holds(!members.isActive(trainer(1), 0), "released by the verdict");
        vm.prank(address(timelock));
        incidents.close(1, cid(keccak256("post-mortem")));
        holds(members.isActive(trainer(1), 0), "still barred");
        same(incidents.caseOf(1).contained, 0);
    }

    function test_a_case_that_contained_nothing_releases_nothing() public {
        report(0, ACCUSED);
        vm.expectEmit(address(incidents), 0);
        emit IIncidentManager.IncidentReleased(1);
        adjudicate(1, IIncidentManager.Status.Dismissed, 0, 0);
    }

    function test_a_containment_and_its_end_are_told() public {
        report(0, ACCUSED);
        vm.expectEmit(address(incidents));
        emit IIncidentManager.IncidentContained(1, ON_MEMBER, uint48(START + 1 days), GUARDIAN);
        contain(1, ON_MEMBER, uint48(START + 1 days));
        vm.expectEmit(address(incidents));
        emit IIncidentManager.IncidentAdjudicated(1, IIncidentManager.Status.Dismissed, 0, REPORT_BOND, 0);
        vm.expectEmit(address(incidents));
        emit IIncidentManager.IncidentReleased(1);
        adjudicate(1, IIncidentManager.Status.Dismissed, 0, 0);
    }
}
