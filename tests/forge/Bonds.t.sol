// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

import {Incidents} from "./Incidents.sol";
import {IIncidentManager} from "contracts/interfaces/IIncidentManager.sol";
import {IMemberBonds} from "contracts/interfaces/IMemberBonds.sol";
import {ISignedRequests} from "contracts/interfaces/ISignedRequests.sol";

/// @title Bonds: put up, asked for, held while a case is open.
contract BondsTest is Incidents {
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
    function test_a_report_hides_no_bond_from_a_slash() public {
        uint256 caseId = report(0, ACCUSED);
        uint256 own = report(1, 1);
        same(_bond(ACCUSED), BOND);
        same(incidents.bondOf(ACCUSED).staked, REPORT_BOND);
        adjudicate(caseId, IIncidentManager.Status.Upheld, BOND, 0);
        same(_bond(ACCUSED), 0);
        adjudicate(own, IIncidentManager.Status.Malicious, 0, 0);
        same(_bond(ACCUSED), 0);
        same(incidents.bondOf(ACCUSED).staked, 0);
    }

    function test_what_is_staked_is_not_withdrawn() public {
        uint256 caseId = report(0, ACCUSED);
        askForBond(0, BOND);
        vm.warp(START + WITHDRAWAL_SECONDS);
        incidents.withdraw(1);
        same(_bond(1), REPORT_BOND);
        IIncidentManager.Report memory r = reportOf(0, ACCUSED);
        bytes memory signature = signReport(trainerKeys[0], r);
        vm.expectRevert(abi.encodeWithSelector(IMemberBonds.BondTooSmall.selector, 1, 0, REPORT_BOND));
        incidents.report(r, signature);
        adjudicate(caseId, IIncidentManager.Status.Dismissed, 0, 0);
        same(incidents.bondOf(1).staked, 0);
    }

    /// @dev Attack: a withdrawal that was asked for long ago is kept ready for the day of an accusation.
    function test_a_withdrawal_is_not_kept_ready() public {
        askForBond(1, BOND);
        uint48 from = uint48(START + WITHDRAWAL_SECONDS);
        vm.warp(from + 7 days);
        vm.expectRevert(abi.encodeWithSelector(IMemberBonds.NothingToWithdraw.selector, ACCUSED, from));
        incidents.withdraw(ACCUSED);
        vm.warp(from + 7 days - 1);
        incidents.withdraw(ACCUSED);
        same(token.balanceOf(trainer(1)), BOND);
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

    function test_only_the_member_asks_for_its_bond() public {
        bytes memory signature = signWithdrawal(trainerKeys[1], trainer(0), 1, 0);
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, trainer(0), signature));
        incidents.requestWithdrawal(trainer(0), 1, 0, LATER, signature);
    }

    /// @dev Attack: whoever saw the first request for a bond brings it again later.
    function test_an_old_request_for_a_bond_is_not_replayed() public {
        bytes memory signature = signWithdrawal(trainerKeys[0], trainer(0), 1e18, 0);
        incidents.requestWithdrawal(trainer(0), 1e18, 0, LATER, signature);
        vm.expectRevert(abi.encodeWithSelector(Nonces.InvalidAccountNonce.selector, trainer(0), 1));
        incidents.requestWithdrawal(trainer(0), 1e18, 0, LATER, signature);
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

    function test_what_a_slash_leaves_of_an_announced_withdrawal_is_paid() public {
        askForBond(1, BOND);
        report(0, ACCUSED);
        adjudicate(1, IIncidentManager.Status.Upheld, 30e18, 0);
        vm.warp(START + WITHDRAWAL_SECONDS);
        incidents.withdraw(ACCUSED);
        same(token.balanceOf(trainer(1)), 70e18);
        same(_bond(ACCUSED), 0);
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
}
