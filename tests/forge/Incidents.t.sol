// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

import {Incidents, VaultDouble} from "./Incidents.sol";
import {IArtifactRegistry} from "contracts/interfaces/IArtifactRegistry.sol";
import {IIncidentManager} from "contracts/interfaces/IIncidentManager.sol";
import {IMemberBonds} from "contracts/interfaces/IMemberBonds.sol";
import {ISignedRequests} from "contracts/interfaces/ISignedRequests.sol";

/// @title Trainer 0 accuses trainer 1 (member 2).
contract IncidentsTest is Incidents {
    uint256 private constant ACCUSED = 2;
    IIncidentManager.Target private constant ON_RUN = IIncidentManager.Target.Run;
    IIncidentManager.Target private constant ON_MEMBER = IIncidentManager.Target.Member;
    IIncidentManager.Target private constant ON_ARTIFACT = IIncidentManager.Target.Artifact;

    function _bond(uint256 memberId) private view returns (uint256) {
        return incidents.bondOf(memberId).amount;
    }

    function _status(uint256 caseId) private view returns (uint8) {
        return uint8(incidents.caseOf(caseId).status);
    }

    // Reports.

    function test_a_report_takes_its_bond_and_names_a_deadline() public {
        uint256 caseId = report(0, ACCUSED);
        same(caseId, 1);
        IIncidentManager.Case memory found = incidents.caseOf(1);
        same(found.reporterId, 1);
        same(found.accusedId, ACCUSED);
        same(found.bond, REPORT_BOND);
        same(found.deadline, START + CASE_SECONDS);
        same(found.evidenceDigest, keccak256("evidence"));
        same(_bond(1), BOND - REPORT_BOND);
        same(incidents.bondOf(ACCUSED).openCases, 1);
    }

    /// @dev Attack: reports cost nothing, so that one member floods the community with them.
    function test_a_report_without_a_bond_is_refused() public {
        uint256 caseId;
        for (uint256 i = 0; i < BOND / REPORT_BOND; ++i) caseId = report(0, ACCUSED);
        IIncidentManager.Report memory r = reportOf(0, ACCUSED);
        bytes memory signature = signReport(trainerKeys[0], r);
        vm.expectRevert(abi.encodeWithSelector(IMemberBonds.BondTooSmall.selector, 1, 0, REPORT_BOND));
        incidents.report(r, signature);
        same(caseId, 10);
    }

    /// @dev Attack: malicious reports are free.
    function test_a_malicious_report_forfeits_its_bond() public {
        uint256 caseId = report(0, ACCUSED);
        adjudicate(caseId, IIncidentManager.Status.Malicious, 0, 0);
        same(_bond(1), BOND - REPORT_BOND);
        same(incidents.pool(), REPORT_BOND);
    }

    /// @dev Attack: where there is no token, reports are free in any number.
    function test_without_a_token_a_member_reports_once_a_day() public {
        incidents = deployIncidents(address(0));
        report(0, ACCUSED);
        IIncidentManager.Report memory r = reportOf(0, ACCUSED);
        bytes memory signature = signReport(trainerKeys[0], r);
        vm.expectRevert(abi.encodeWithSelector(IIncidentManager.ReportedRecently.selector, 1, START + 1 days));
        incidents.report(r, signature);
        vm.warp(START + 1 days);
        incidents.report(r, signature);
    }

    function test_without_a_token_there_are_no_bonds() public {
        incidents = deployIncidents(address(0));
        vm.expectRevert(abi.encodeWithSelector(IMemberBonds.NoToken.selector));
        incidents.deposit(1, 1);
    }

    function test_a_replayed_report_is_refused() public {
        IIncidentManager.Report memory r = reportOf(0, ACCUSED);
        bytes memory signature = signReport(trainerKeys[0], r);
        incidents.report(r, signature);
        vm.expectRevert(abi.encodeWithSelector(Nonces.InvalidAccountNonce.selector, trainer(0), 1));
        incidents.report(r, signature);
    }

    /// @dev Attack: the same report on another chain, at another contract, or with the other form of the signature.
    function test_a_report_signed_for_elsewhere_is_refused() public {
        IIncidentManager.Report memory r = reportOf(0, ACCUSED);
        bytes memory signature = signReport(trainerKeys[0], r);
        bytes memory other = malleated(signature);
        vm.expectPartialRevert(ISignedRequests.InvalidSignature.selector);
        incidents.report(r, other);
        vm.chainId(block.chainid + 1);
        vm.expectPartialRevert(ISignedRequests.InvalidSignature.selector);
        incidents.report(r, signature);
        vm.chainId(block.chainid - 1);
        incidents = deployIncidents(address(token));
        vm.expectPartialRevert(ISignedRequests.InvalidSignature.selector);
        incidents.report(r, signature);
    }

    function test_an_outsider_cannot_report() public {
        IIncidentManager.Report memory r = reportOf(0, ACCUSED);
        r.account = vm.addr(OUTSIDER_KEY);
        bytes memory signature = signReport(OUTSIDER_KEY, r);
        vm.expectRevert(abi.encodeWithSelector(IIncidentManager.NotAnActiveMember.selector, r.account));
        incidents.report(r, signature);
    }

    function test_a_report_against_the_rules_is_refused(uint8 kind, uint8 severity) public {
        IIncidentManager.Report memory r = reportOf(0, ACCUSED);
        (r.kind, r.severity) = (kind, severity);
        bool fits = kind != 0 && kind <= 6 && kind != 2 && severity != 0 && severity <= 4;
        bytes memory signature = signReport(trainerKeys[0], r);
        if (!fits) vm.expectPartialRevert(IIncidentManager.InvalidReport.selector);
        incidents.report(r, signature);
    }

    function test_nobody_accuses_itself() public {
        IIncidentManager.Report memory r = reportOf(0, 1);
        bytes memory signature = signReport(trainerKeys[0], r);
        vm.expectPartialRevert(IIncidentManager.InvalidReport.selector);
        incidents.report(r, signature);
    }

    // Containment.

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

    // Verdicts.

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
        vm.expectRevert(abi.encodeWithSelector(IIncidentManager.CannotSlash.selector, caseId, BOND + 1, BOND));
        adjudicate(caseId, IIncidentManager.Status.Upheld, BOND + 1, 0);
        vm.expectRevert(abi.encodeWithSelector(VaultDouble.MoreThanUnvested.selector, 5e18 + 1, 5e18));
        adjudicate(caseId, IIncidentManager.Status.Upheld, 0, 5e18 + 1);
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
        verdict = uint8(between(verdict, 0, 5));
        vm.assume(verdict < 2 || verdict > 4);
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

    // Bonds.

    function test_a_bond_is_withdrawn_after_the_delay() public {
        askForBond(0, 40e18);
        vm.expectRevert(
            abi.encodeWithSelector(IMemberBonds.NothingToWithdraw.selector, 1, START + WITHDRAWAL_SECONDS)
        );
        incidents.withdraw(1);
        vm.warp(START + WITHDRAWAL_SECONDS);
        incidents.withdraw(1);
        same(token.balanceOf(trainer(0)), 40e18);
        same(_bond(1), BOND - 40e18);
        vm.expectRevert(abi.encodeWithSelector(IMemberBonds.NothingToWithdraw.selector, 1, 0));
        incidents.withdraw(1);
    }

    /// @dev Attack: the accused takes its bond away before the verdict.
    function test_a_bond_stays_while_a_case_accuses_its_member() public {
        askForBond(1, BOND);
        vm.warp(START + WITHDRAWAL_SECONDS);
        uint256 caseId = report(0, ACCUSED);
        vm.expectRevert(abi.encodeWithSelector(IMemberBonds.BondHeld.selector, ACCUSED, 1));
        incidents.withdraw(ACCUSED);
        adjudicate(caseId, IIncidentManager.Status.Upheld, BOND, 0);
        vm.prank(RELAYER);
        incidents.withdraw(ACCUSED); // nothing is left of it
        same(token.balanceOf(trainer(1)), 0);
    }

    /// @dev Attack: the accused hides its bond from the slash as the bond of a report of its own.
    function test_an_accused_member_cannot_stake_its_bond() public {
        report(0, ACCUSED);
        IIncidentManager.Report memory r = reportOf(1, 1);
        bytes memory signature = signReport(trainerKeys[1], r);
        vm.expectRevert(abi.encodeWithSelector(IMemberBonds.BondHeld.selector, ACCUSED, 1));
        incidents.report(r, signature);
    }

    function test_only_the_member_asks_for_its_bond() public {
        bytes memory signature = signWithdrawal(trainerKeys[1], trainer(0), 1, 0);
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, trainer(0), signature));
        incidents.requestWithdrawal(trainer(0), 1, 0, LATER, signature);
    }

    function test_a_bond_follows_its_member_to_another_account() public {
        askForBond(0, BOND);
        vm.prank(address(timelock));
        members.moveMember(1, vm.addr(OUTSIDER_KEY));
        vm.warp(START + WITHDRAWAL_SECONDS);
        incidents.withdraw(1);
        same(token.balanceOf(vm.addr(OUTSIDER_KEY)), BOND);
    }

    function test_more_than_the_bond_is_not_asked_for() public {
        bytes memory signature = signWithdrawal(trainerKeys[0], trainer(0), BOND + 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IMemberBonds.BondTooSmall.selector, 1, BOND, BOND + 1));
        incidents.requestWithdrawal(trainer(0), BOND + 1, 0, LATER, signature);
    }

    function test_a_bond_needs_a_member() public {
        vm.expectPartialRevert(bytes4(keccak256("UnknownMember(uint256)")));
        incidents.deposit(99, 1);
    }

    // What pages are built from.

    function test_a_report_is_told_whole() public {
        IIncidentManager.Report memory r = reportOf(0, ACCUSED);
        (r.kind, r.round) = (uint8(IIncidentManager.Kind.BadRound), 4);
        bytes memory signature = signReport(trainerKeys[0], r);
        vm.expectEmit(address(incidents));
        emit IIncidentManager.IncidentReported(
            1,
            1,
            ACCUSED,
            IIncidentManager.Kind.BadRound,
            3,
            RUN,
            4,
            dataset,
            r.evidenceCid,
            REPORT_BOND,
            uint48(START) + CASE_SECONDS
        );
        incidents.report(r, signature);
        same(incidents.numCases(), 1);
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

    function test_what_a_bond_gains_and_loses_is_told() public {
        vm.prank(ADMIN);
        token.approve(address(incidents), 3e18);
        vm.expectEmit(address(incidents));
        emit IMemberBonds.BondDeposited(1, ADMIN, 3e18);
        vm.prank(ADMIN);
        incidents.deposit(1, 3e18);
        bytes memory signature = signWithdrawal(trainerKeys[0], trainer(0), 40e18, 0);
        vm.expectEmit(address(incidents));
        emit IMemberBonds.BondWithdrawalRequested(1, 40e18, uint48(START) + WITHDRAWAL_SECONDS);
        incidents.requestWithdrawal(trainer(0), 40e18, 0, LATER, signature);
        vm.warp(START + WITHDRAWAL_SECONDS);
        vm.expectEmit(address(incidents));
        emit IMemberBonds.BondWithdrawn(1, trainer(0), 40e18);
        incidents.withdraw(1);
    }

    // The ends of what is allowed.

    function test_each_kind_and_severity_has_a_number_and_no_other_has() public {
        uint8[4] memory kinds_ = [uint8(0), 7, 3, 3];
        uint8[4] memory severities = [uint8(1), 1, 0, 5];
        for (uint256 i = 0; i < 4; ++i) {
            IIncidentManager.Report memory r = reportOf(0, ACCUSED);
            (r.kind, r.severity) = (kinds_[i], severities[i]);
            bytes memory signature = signReport(trainerKeys[0], r);
            vm.expectRevert(
                abi.encodeWithSelector(
                    IIncidentManager.InvalidReport.selector, r.kind, r.severity, ACCUSED, RUN, 0
                )
            );
            incidents.report(r, signature);
        }
        IIncidentManager.Report memory last = reportOf(0, ACCUSED);
        (last.kind, last.severity) = (6, 4);
        same(incidents.report(last, signReport(trainerKeys[0], last)), 1);
    }

    function test_a_bad_round_names_its_round_and_nothing_else_does() public {
        IIncidentManager.Report memory r = reportOf(0, ACCUSED);
        r.kind = uint8(IIncidentManager.Kind.BadRound);
        bytes memory signature = signReport(trainerKeys[0], r);
        vm.expectPartialRevert(IIncidentManager.InvalidReport.selector);
        incidents.report(r, signature);
        (r.kind, r.round) = (uint8(IIncidentManager.Kind.HarmfulUpdate), 1);
        signature = signReport(trainerKeys[0], r);
        vm.expectPartialRevert(IIncidentManager.InvalidReport.selector);
        incidents.report(r, signature);
    }

    function test_an_accused_member_exists() public {
        IIncidentManager.Report memory r = reportOf(0, 99);
        bytes memory signature = signReport(trainerKeys[0], r);
        vm.expectRevert(abi.encodeWithSelector(bytes4(keccak256("UnknownMember(uint256)")), 99));
        incidents.report(r, signature);
    }

    function test_in_its_last_second_a_case_is_decided_and_has_not_lapsed() public {
        report(0, ACCUSED);
        vm.warp(START + CASE_SECONDS);
        vm.expectPartialRevert(IIncidentManager.WrongCaseState.selector);
        incidents.lapse(1);
        adjudicate(1, IIncidentManager.Status.Upheld, 0, 0);
        same(_status(1), uint8(IIncidentManager.Status.Upheld));
    }

    function test_a_containment_into_the_past_is_refused() public {
        report(0, ACCUSED);
        vm.expectRevert(
            abi.encodeWithSelector(IIncidentManager.InvalidContainment.selector, START, START + 7 days)
        );
        contain(1, ON_MEMBER, uint48(START));
    }

    function test_containing_one_leaves_the_others_containable() public {
        report(0, ACCUSED);
        report(0, 3);
        contain(1, ON_MEMBER, uint48(START + 7 days));
        contain(2, ON_MEMBER, uint48(START + 7 days));
        holds(!members.isActive(trainer(1), 0) && !members.isActive(trainer(2), 0), "not both barred");
        same(disputes.pausedUntil(RUN), 0);
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
        vm.expectRevert(abi.encodeWithSelector(IIncidentManager.CannotSlash.selector, 1, 0, 0));
        adjudicate(1, IIncidentManager.Status.Upheld, 0, 1);
    }

    function test_a_dismissed_case_frees_the_bond_of_who_was_accused() public {
        report(0, ACCUSED);
        adjudicate(1, IIncidentManager.Status.Dismissed, 0, 0);
        same(incidents.bondOf(ACCUSED).openCases, 0);
        askForBond(1, BOND);
        vm.warp(START + WITHDRAWAL_SECONDS);
        incidents.withdraw(ACCUSED);
        same(token.balanceOf(trainer(1)), BOND);
    }

    function test_what_a_slash_leaves_of_an_announced_withdrawal_is_paid() public {
        askForBond(1, BOND);
        report(0, ACCUSED);
        adjudicate(1, IIncidentManager.Status.Upheld, 30e18, 0);
        vm.warp(START + WITHDRAWAL_SECONDS);
        incidents.withdraw(ACCUSED);
        same(token.balanceOf(trainer(1)), 70e18);
        same(_bond(ACCUSED), 0);
    }

    /// @dev Attack: whoever saw the first request for a bond brings it again later.
    function test_an_old_request_for_a_bond_is_not_replayed() public {
        bytes memory signature = signWithdrawal(trainerKeys[0], trainer(0), 1e18, 0);
        incidents.requestWithdrawal(trainer(0), 1e18, 0, LATER, signature);
        vm.expectRevert(abi.encodeWithSelector(Nonces.InvalidAccountNonce.selector, trainer(0), 1));
        incidents.requestWithdrawal(trainer(0), 1e18, 0, LATER, signature);
    }

    function test_without_a_token_each_member_has_its_own_day() public {
        incidents = deployIncidents(address(0));
        report(0, ACCUSED);
        same(report(2, ACCUSED), 2);
        same(incidents.caseOf(2).bond, 0);
    }
}
