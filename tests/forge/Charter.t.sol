// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {Votes} from "./Votes.sol";
import {Charter} from "contracts/Charter.sol";
import {ICharter} from "contracts/interfaces/ICharter.sol";
import {ICids} from "contracts/interfaces/ICids.sol";
import {ITenWingsGovernor} from "contracts/interfaces/ITenWingsGovernor.sol";

contract CharterTest is Votes {
    function _expectCharter(bytes32 digest, uint256 numArticles, uint256 version) private view {
        (bytes32 found, uint32 number) = charter.text();
        same(found, digest);
        same(number, version);
        same(charter.numArticles(), numArticles);
    }

    function test_the_first_charter_is_that_of_the_deployment() public view {
        _expectCharter(keccak256("charter"), 7, 1);
        same(charter.owner(), address(timelock));
        same(address(governor.charter()), address(charter));
    }

    function test_both_houses_replace_the_charter_and_proposals_serve_the_new_one() public {
        earnMerit();
        bytes memory text = cid(keccak256("another charter"));
        pass(proposal(address(charter), abi.encodeCall(ICharter.setCharter, (text, 1))));
        _expectCharter(keccak256("another charter"), 1, 2);
        Proposal memory p = standard();
        p.description = string.concat("Change it\n#article=2", "\n#proposer=", vm.toString(trainer(0)));
        p.description = _lower(p.description);
        ITenWingsGovernor.Sponsor[] memory sponsors = sponsored(idOf(p), 1);
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.UnknownArticle.selector, 2, 1));
        send(p, trainer(0), sponsors);
    }

    /// @dev vm.toString writes a checksummed address.
    function _lower(string memory text) private pure returns (string memory) {
        bytes memory raw = bytes(text);
        for (uint256 i = raw.length - 40; i < raw.length; ++i) {
            if (raw[i] >= "A" && raw[i] <= "F") raw[i] = bytes1(uint8(raw[i]) + 32);
        }
        return string(raw);
    }

    function test_only_the_timelock_replaces_the_charter() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, ADMIN));
        vm.prank(ADMIN);
        charter.setCharter(cid(keccak256("mine")), 1);
    }

    function test_a_charter_without_articles_is_refused() public {
        vm.expectRevert(ICharter.EmptyCharter.selector);
        vm.prank(address(timelock));
        charter.setCharter(cid(keccak256("nothing")), 0);
    }

    function test_a_charter_that_is_no_cid_is_refused(bytes memory text) public {
        vm.assume(text.length != 36);
        vm.expectRevert(abi.encodeWithSelector(ICids.InvalidCid.selector, text));
        vm.prank(address(timelock));
        charter.setCharter(text, 1);
        vm.expectRevert(abi.encodeWithSelector(ICids.InvalidCid.selector, abi.encodePacked(hex"01551221", bytes32(0))));
        new Charter(address(timelock), abi.encodePacked(hex"01551221", bytes32(0)), 1);
    }

    function test_a_new_charter_is_told_with_its_version() public {
        bytes memory text = cid(keccak256("another charter"));
        vm.expectEmit(address(charter));
        emit ICharter.CharterSet(2, text, 8);
        vm.prank(address(timelock));
        charter.setCharter(text, 8);
    }
}
