// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {Incidents} from "./Incidents.sol";
import {IIncidentManager} from "contracts/interfaces/IIncidentManager.sol";

/// @title Trainer 0 has accused trainer 1 (member 2): what a verdict moves, and how a case ends.
contract VerdictsTest is Incidents {
    function test_an_upheld_case_slashes_and_rewards_the_reporter() public {
        vesting.grant(ACCUSED, 50e18);
        uint256 caseId = report(0, ACCUSED);
        adjudicate(caseId, IIncidentManager.Status.Upheld, 30e18, 50e18);
        same(_bond(ACCUSED), BOND - 30e18);
        same(vesting.slashed(), 50e18);
        same(_bond(1), BOND + REPORT_BOND); // its bond back, and as much again
        same(incidents.pool(), 30e18 - REPORT_BOND);
        same(incidents.bondOf(ACCUSED).openCases, 0);
    }

    /// @dev Attack: a vote takes more than the accused put up.
    function test_a_slash_is_at_most_bond_and_unvested() public {
        vesting.grant(ACCUSED, 5e18);
        uint256 caseId = report(0, ACCUSED);
        vm.expectEmit(address(incidents));
        emit IIncidentManager.IncidentAdjudicated(
            caseId, IIncidentManager.Status.Upheld, BOND, REPORT_BOND, REPORT_BOND
        );
        adjudicate(caseId, IIncidentManager.Status.Upheld, BOND + 1, 5e18 + 1);
        same(_bond(ACCUSED), 0);
        same(incidents.pool(), BOND - REPORT_BOND);
        same(vesting.slashed(), 5e18);
    }

    function test_a_case_is_slashed_once_and_only_when_upheld() public {
        uint256 caseId = report(0, ACCUSED);
        vm.expectPartialRevert(IIncidentManager.CannotSlash.selector);
        adjudicate(caseId, IIncidentManager.Status.Dismissed, 1, 0);
        adjudicate(caseId, IIncidentManager.Status.Upheld, 1, 0);
        vm.expectPartialRevert(IIncidentManager.WrongCaseState.selector);
        adjudicate(caseId, IIncidentManager.Status.Upheld, 1, 0);
    }

    function test_a_dismissed_case_frees_what_was_contained_and_gives_the_bond_back() public {
        uint256 caseId = report(0, ACCUSED);
        contain(caseId, ON_MEMBER, uint48(START + 7 days));
        contain(caseId, ON_RUN, uint48(START + 7 days));
        adjudicate(caseId, IIncidentManager.Status.Dismissed, 0, 0);
        holds(members.isActive(trainer(1), 0), "still barred");
        same(disputes.pausedUntil(RUN), 0);
        same(_bond(1), BOND);
    }

    function test_only_a_vote_decides(address stranger) public {
        vm.assume(stranger != address(timelock));
        uint256 caseId = report(0, ACCUSED);
        bytes32 role = incidents.GOVERNANCE_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, role)
        );
        vm.prank(stranger);
        incidents.adjudicate(caseId, IIncidentManager.Status.Upheld, IIncidentManager.Slash(0, 0, 0));
    }

    function test_what_is_no_verdict_is_refused(uint8 verdict) public {
        verdict = uint8([0, 1, 5][verdict % 3]);
        uint256 caseId = report(0, ACCUSED);
        vm.expectPartialRevert(IIncidentManager.NotAVerdict.selector);
        adjudicate(caseId, IIncidentManager.Status(verdict), 0, 0);
    }

    function test_past_its_deadline_a_case_lapses_and_frees_everything() public {
        uint256 caseId = disputeRound(0, ACCUSED, 1);
        vm.expectPartialRevert(IIncidentManager.WrongCaseState.selector);
        incidents.lapse(caseId);
        vm.warp(START + CASE_SECONDS - 1 days);
        contain(caseId, ON_MEMBER, uint48(START + CASE_SECONDS));
        vm.warp(START + CASE_SECONDS + 1);
        vm.expectPartialRevert(IIncidentManager.WrongCaseState.selector);
        adjudicate(caseId, IIncidentManager.Status.Upheld, 0, 0);
        incidents.lapse(caseId);
        same(_status(caseId), uint8(IIncidentManager.Status.Lapsed));
        holds(members.isActive(trainer(1), 0), "still barred");
        same(_bond(1), BOND);
        same(disputes.disputed(), 0);
        holds(!disputes.voided(), "a lapsed dispute voided the round");
    }

    function test_a_disputed_round_is_voided_by_the_verdict_alone() public {
        uint256 caseId = disputeRound(0, ACCUSED, 3);
        same(disputes.disputed(), 3);
        adjudicate(caseId, IIncidentManager.Status.Upheld, 0, 0);
        same(disputes.disputed(), 0);
        holds(disputes.voided(), "not voided");
    }

    function test_a_dismissed_dispute_leaves_the_round() public {
        uint256 caseId = disputeRound(0, ACCUSED, 3);
        adjudicate(caseId, IIncidentManager.Status.Dismissed, 0, 0);
        same(disputes.disputed(), 0);
        holds(!disputes.voided(), "voided");
    }

    function test_a_post_mortem_closes_a_decided_case_once() public {
        uint256 caseId = report(0, ACCUSED);
        bytes memory learned = cid(keccak256("post-mortem"));
        vm.expectPartialRevert(IIncidentManager.WrongCaseState.selector);
        vm.prank(GUARDIAN);
        incidents.close(caseId, learned);
        adjudicate(caseId, IIncidentManager.Status.Dismissed, 0, 0);
        vm.prank(GUARDIAN);
        incidents.close(caseId, learned);
        holds(incidents.caseOf(caseId).closed, "not closed");
        vm.expectPartialRevert(IIncidentManager.WrongCaseState.selector);
        vm.prank(GUARDIAN);
        incidents.close(caseId, learned);
    }

    function test_a_stranger_cannot_close(address stranger) public {
        vm.assume(stranger != GUARDIAN && stranger != address(timelock));
        uint256 caseId = report(0, ACCUSED);
        adjudicate(caseId, IIncidentManager.Status.Dismissed, 0, 0);
        vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
        vm.prank(stranger);
        incidents.close(caseId, cid(keccak256("post-mortem")));
    }

    function test_an_unknown_case_is_named() public {
        vm.expectRevert(abi.encodeWithSelector(IIncidentManager.UnknownCase.selector, 9));
        incidents.caseOf(9);
    }

    function test_settings_are_a_votes_within_bounds() public {
        vm.prank(address(timelock));
        incidents.setSettings(IIncidentManager.Settings(1e18, 1 days, 1 days));
        same(incidents.settings().reportBond, 1e18);
        vm.expectPartialRevert(IIncidentManager.InvalidSettings.selector);
        vm.prank(address(timelock));
        incidents.setSettings(IIncidentManager.Settings(0, 1 days, 1 days)); // a token, but no bond
        vm.expectPartialRevert(IIncidentManager.InvalidSettings.selector);
        vm.prank(address(timelock));
        incidents.setSettings(IIncidentManager.Settings(1e18, 30 days + 1, 1 days));
    }

    function test_a_verdict_is_told_with_what_it_moves() public {
        report(0, ACCUSED);
        vm.expectEmit(address(incidents));
        emit IIncidentManager.IncidentAdjudicated(1, IIncidentManager.Status.Upheld, 30e18, REPORT_BOND, REPORT_BOND);
        adjudicate(1, IIncidentManager.Status.Upheld, 30e18, 0);
        report(0, ACCUSED);
        vm.expectEmit(address(incidents));
        emit IIncidentManager.IncidentAdjudicated(2, IIncidentManager.Status.Malicious, 0, 0, 0);
        adjudicate(2, IIncidentManager.Status.Malicious, 0, 0);
    }

    function test_the_end_of_a_case_is_told() public {
        report(0, ACCUSED);
        vm.warp(START + CASE_SECONDS + 1);
        vm.expectEmit(address(incidents));
        emit IIncidentManager.IncidentLapsed(1);
        incidents.lapse(1);
        bytes memory learned = cid(keccak256("post-mortem"));
        vm.expectEmit(address(incidents));
        emit IIncidentManager.IncidentClosed(1, learned);
        vm.prank(GUARDIAN);
        incidents.close(1, learned);
    }

    function test_new_settings_are_told_up_to_their_ends() public {
        vm.expectEmit(address(incidents));
        emit IIncidentManager.IncidentSettingsSet(2e18, 30 days, 90 days);
        vm.prank(address(timelock));
        incidents.setSettings(IIncidentManager.Settings(2e18, 30 days, 90 days));
        vm.expectPartialRevert(IIncidentManager.InvalidSettings.selector);
        vm.prank(address(timelock));
        incidents.setSettings(IIncidentManager.Settings(2e18, 1 days, 90 days + 1));
        vm.expectPartialRevert(IIncidentManager.InvalidSettings.selector);
        vm.prank(address(timelock));
        incidents.setSettings(IIncidentManager.Settings(2e18, 0, 1 days));
        vm.expectPartialRevert(IIncidentManager.InvalidSettings.selector);
        vm.prank(address(timelock));
        incidents.setSettings(IIncidentManager.Settings(2e18, 1 days, 0));
    }

    function test_in_its_last_second_a_case_is_decided_and_has_not_lapsed() public {
        report(0, ACCUSED);
        vm.warp(START + CASE_SECONDS);
        vm.expectPartialRevert(IIncidentManager.WrongCaseState.selector);
        incidents.lapse(1);
        adjudicate(1, IIncidentManager.Status.Upheld, 0, 0);
        same(_status(1), uint8(IIncidentManager.Status.Upheld));
    }

    function test_a_post_mortem_is_a_cid() public {
        report(0, ACCUSED);
        adjudicate(1, IIncidentManager.Status.Dismissed, 0, 0);
        vm.expectPartialRevert(bytes4(keccak256("InvalidCid(bytes)")));
        vm.prank(GUARDIAN);
        incidents.close(1, "no cid");
    }

    function test_a_reward_is_at_most_what_the_pool_has() public {
        report(0, ACCUSED);
        adjudicate(1, IIncidentManager.Status.Upheld, 4e18, 0);
        same(_bond(1), BOND + 4e18);
        same(incidents.pool(), 0);
    }

    function test_where_nobody_is_accused_nothing_is_slashed() public {
        report(0, 0);
        vm.expectRevert(abi.encodeWithSelector(IIncidentManager.CannotSlash.selector, 1));
        adjudicate(1, IIncidentManager.Status.Upheld, 0, 1);
    }
}
