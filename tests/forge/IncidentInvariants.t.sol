// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Driven} from "./Driven.sol";
import {Incidents} from "./Incidents.sol";
import {IIncidentManager} from "contracts/interfaces/IIncidentManager.sol";

/// @title A world of incidents driven at random: reports, containments, verdicts, slashes, bonds in and out, time.
contract IncidentsHandler is Incidents {
    uint256 private constant MEMBERS = 7;
    uint256 public deposited = uint256(BOND) * MEMBERS;
    uint256 public withdrawn;
    // A revert inside a handler fails nothing, so what must never happen is noted here and checked by the invariant.
    bool public slashedTooMuch;
    bool public withdrawnUnderACase;

    function report_(uint256 i, uint256 accused) external {
        report(i % 3, between(accused, 0, MEMBERS));
    }

    function contain_(uint256 caseSeed, uint256 target, uint48 until) external {
        uint256 caseId = between(caseSeed, 1, incidents.numCases());
        contain(caseId, IIncidentManager.Target(target % 3), uint48(block.timestamp) + until % 20 days);
    }

    function adjudicate_(uint256 caseSeed, uint256 verdict, uint96 slash, uint256 unvested) external {
        uint256 caseId = between(caseSeed, 1, incidents.numCases());
        uint256 accused = incidents.caseOf(caseId).accusedId;
        slash = verdict % 3 == 0 && accused != 0 ? slash % (verdict % 2 == 0 ? BOND / 4 : 2 * BOND) : 0;
        unvested = slash == 0 ? 0 : unvested % 2 == 0 ? 0 : unvested % 20e18;
        uint256 bond = incidents.bondOf(accused).amount;
        uint256 locked = vesting.unvested(accused);
        adjudicate(caseId, IIncidentManager.Status(2 + verdict % 3), slash, unvested);
        if (bond - incidents.bondOf(accused).amount > slash) slashedTooMuch = true;
        if (locked - vesting.unvested(accused) > unvested) slashedTooMuch = true;
    }

    function lapse(uint256 caseSeed) external {
        incidents.lapse(between(caseSeed, 1, incidents.numCases()));
    }

    function close(uint256 caseSeed) external {
        uint256 caseId = between(caseSeed, 1, incidents.numCases());
        vm.prank(GUARDIAN);
        incidents.close(caseId, cid(keccak256("post-mortem")));
    }

    function deposit(uint256 memberId, uint96 amount) external {
        amount = uint96(between(amount, 1, 50e18));
        fundBond(between(memberId, 1, MEMBERS), amount);
        deposited += amount;
    }

    function grantUnvested(uint256 memberId, uint256 amount) external {
        vesting.grant(between(memberId, 1, MEMBERS), amount % 10e18);
    }

    function ask(uint256 i, uint96 amount) external {
        i %= 3;
        if (incidents.bondOf(trainerId(i)).leaving != 0) return;
        askForBond(i, uint96(amount % (incidents.bondOf(trainerId(i)).amount + 1)));
    }

    function withdraw(uint256 memberId) external {
        memberId = between(memberId, 1, 3);
        uint256 held = incidents.bondOf(memberId).openCases;
        uint256 before = token.balanceOf(address(incidents));
        incidents.withdraw(memberId);
        if (held != 0) withdrawnUnderACase = true;
        withdrawn += before - token.balanceOf(address(incidents));
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + between(time, 1 days, 5 days));
    }

    function bondsAndPool() external view returns (uint256 sum) {
        for (uint256 id = 1; id <= MEMBERS; ++id) sum += incidents.bondOf(id).amount;
        return sum + incidents.pool();
    }

    /// @dev Each member's stake is the sum of the bonds of its open reports.
    function stakesAreOpenReports() external view returns (bool) {
        uint256[MEMBERS + 1] memory stakes;
        for (uint256 id = 1; id <= incidents.numCases(); ++id) {
            IIncidentManager.Case memory found = incidents.caseOf(id);
            if (found.status == IIncidentManager.Status.Open) stakes[found.reporterId] += found.bond;
        }
        for (uint256 id = 1; id <= MEMBERS; ++id) {
            if (incidents.bondOf(id).staked != stakes[id]) return false;
        }
        return true;
    }

    function balance() external view returns (uint256) {
        return token.balanceOf(address(incidents));
    }

    /// @dev All bars and freezes of now end within 30 days, whatever anybody does then.
    function everythingEnds() external view returns (bool) {
        for (uint256 id = 1; id <= MEMBERS; ++id) {
            if (members.barredUntil(id) > block.timestamp + 7 days) return false;
        }
        return disputes.pausedUntil(RUN) <= block.timestamp + 7 days;
    }
}

contract IncidentsInvariants is Driven {
    IncidentsHandler private _world;

    function setUp() public {
        _world = new IncidentsHandler();
        _world.setUp();
        drive(address(_world));
        often(_world.report_.selector, 1);
        often(_world.contain_.selector, 1);
        often(_world.adjudicate_.selector, 1);
        often(_world.lapse.selector, 1);
        often(_world.close.selector, 1);
        often(_world.deposit.selector, 1);
        often(_world.grantUnvested.selector, 1);
        often(_world.ask.selector, 1);
        often(_world.withdraw.selector, 1);
        often(_world.wait.selector, 1);
    }

    function invariant_bonds_are_conserved_and_containments_end() public view {
        require(_world.bondsAndPool() == _world.balance(), "bonds and pool differ from the balance");
        require(_world.stakesAreOpenReports(), "a stake differs from its member's open reports");
        require(_world.balance() == _world.deposited() - _world.withdrawn(), "bonds came from nowhere or went there");
        require(_world.everythingEnds(), "a bar or a pause does not end");
        require(!_world.slashedTooMuch(), "more was slashed than the vote asked for");
        require(!_world.withdrawnUnderACase(), "a bond left under an open case");
    }
}
