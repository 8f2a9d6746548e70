// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {Membership} from "./Membership.sol";
import {IMemberRegistry} from "contracts/interfaces/IMemberRegistry.sol";

/// @title A member is barred for a time.
contract BarsTest is Membership {
    function test_who_was_never_barred_is_barred_until_nothing() public view {
        same(members.barredUntil(trainerId(0)), 0);
    }

    function test_a_bar_ends_by_itself(uint48 seconds_) public {
        seconds_ = uint48(between(seconds_, 1, 30 days));
        vm.prank(RESPONDER);
        members.bar(trainerId(0), uint48(START) + seconds_);
        holds(!members.isActive(trainer(0), 0), "still active");
        vm.warp(START + seconds_);
        holds(members.isActive(trainer(0), TRAINER), "the bar did not end");
    }

    function test_a_bar_is_at_most_30_days() public {
        uint48 late = uint48(START + 30 days + 1);
        vm.expectRevert(abi.encodeWithSelector(IMemberRegistry.InvalidBar.selector, late, START + 30 days));
        vm.prank(RESPONDER);
        members.bar(trainerId(0), late);
    }

    function test_a_bar_into_the_past_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IMemberRegistry.InvalidBar.selector, START, START + 30 days));
        vm.prank(RESPONDER);
        members.bar(1, uint48(START));
    }

    function test_the_end_of_a_bar_does_not_restore_whom_a_vote_suspended() public {
        vm.prank(RESPONDER);
        members.bar(trainerId(0), uint48(START + 1 days));
        vm.prank(address(timelock));
        members.setActive(trainerId(0), false);
        vm.prank(RESPONDER);
        members.unbar(trainerId(0));
        holds(!members.isActive(trainer(0), 0), "restored by the end of a bar");
    }

    function test_only_the_incident_role_bars(address stranger) public {
        vm.assume(stranger != RESPONDER);
        bytes32 role = members.INCIDENT_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, role)
        );
        vm.prank(stranger);
        members.bar(trainerId(0), uint48(START + 1));
    }

    function test_a_bar_follows_its_member_to_another_account() public {
        vm.prank(RESPONDER);
        members.bar(1, uint48(START + 1 days));
        vm.prank(address(timelock));
        members.moveMember(1, vm.addr(FRESH));
        holds(!members.isActive(vm.addr(FRESH), 0), "the move ended the bar");
        same(members.barredUntil(1), START + 1 days);
    }

    function test_a_bar_and_its_early_end_are_told() public {
        vm.expectEmit(address(members));
        emit IMemberRegistry.MemberBarred(1, uint48(START + 1 days));
        vm.prank(RESPONDER);
        members.bar(1, uint48(START + 1 days));
        same(members.barredUntil(1), START + 1 days);
        vm.expectEmit(address(members));
        emit IMemberRegistry.MemberUnbarred(1);
        vm.prank(RESPONDER);
        members.unbar(1);
        holds(members.isActive(trainer(0), TRAINER), "still barred");
    }
}
