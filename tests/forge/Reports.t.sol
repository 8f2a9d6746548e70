// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

import {Incidents} from "./Incidents.sol";
import {IIncidentManager} from "contracts/interfaces/IIncidentManager.sol";
import {IMemberBonds} from "contracts/interfaces/IMemberBonds.sol";
import {ISignedRequests} from "contracts/interfaces/ISignedRequests.sol";

/// @title Reports: what they cost, who may make one, and what it says.
contract ReportsTest is Incidents {
    function test_a_report_takes_its_bond_and_names_a_deadline() public {
        uint256 caseId = report(0, ACCUSED);
        same(caseId, 1);
        IIncidentManager.Case memory found = incidents.caseOf(1);
        same(found.reporterId, 1);
        same(found.accusedId, ACCUSED);
        same(found.bond, REPORT_BOND);
        same(found.deadline, START + CASE_SECONDS);
        same(found.evidenceDigest, keccak256("evidence"));
        same(_bond(1), BOND);
        same(incidents.bondOf(1).staked, REPORT_BOND);
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

    function test_without_a_token_each_member_has_its_own_day() public {
        incidents = deployIncidents(address(0));
        report(0, ACCUSED);
        same(report(2, ACCUSED), 2);
        same(incidents.caseOf(2).bond, 0);
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

    function test_nobody_accuses_itself() public {
        IIncidentManager.Report memory r = reportOf(0, 1);
        bytes memory signature = signReport(trainerKeys[0], r);
        vm.expectPartialRevert(IIncidentManager.InvalidReport.selector);
        incidents.report(r, signature);
    }

    function test_an_accused_member_exists() public {
        IIncidentManager.Report memory r = reportOf(0, 99);
        bytes memory signature = signReport(trainerKeys[0], r);
        vm.expectRevert(abi.encodeWithSelector(bytes4(keccak256("UnknownMember(uint256)")), 99));
        incidents.report(r, signature);
    }

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
}
