// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

import {Votes} from "./Votes.sol";
import {TenWingsGovernor} from "contracts/TenWingsGovernor.sol";
import {Guardian} from "contracts/Guardian.sol";
import {IRunGovernance} from "contracts/interfaces/IRunGovernance.sol";

/// @title One module in the place of another, by a constitutional vote that moves its roles.
contract ReplacingTest is Votes {
    bytes32 private _proposer;
    bytes32 private _canceller;
    bytes32 private _executor;

    function setUp() public override {
        super.setUp();
        earnMerit();
        _proposer = timelock.PROPOSER_ROLE();
        _canceller = timelock.CANCELLER_ROLE();
        _executor = timelock.EXECUTOR_ROLE();
    }

    function _change(address target, string memory what, bytes32 role, address account)
        private
        pure
        returns (Proposal memory p)
    {
        p.targets = new address[](1);
        p.values = new uint256[](1);
        p.calldatas = new bytes[](1);
        p.targets[0] = target;
        p.calldatas[0] = abi.encodeWithSignature(what, role, account);
    }

    function _join(Proposal memory a, Proposal memory b) private pure returns (Proposal memory p) {
        uint256 count = a.targets.length + b.targets.length;
        p.targets = new address[](count);
        p.values = new uint256[](count);
        p.calldatas = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            bool first = i < a.targets.length;
            p.targets[i] = first ? a.targets[i] : b.targets[i - a.targets.length];
            p.calldatas[i] = first ? a.calldatas[i] : b.calldatas[i - a.targets.length];
        }
    }

    function _moves(address old, address next, bytes32[3] memory roles) private view returns (Proposal memory p) {
        for (uint256 i = 0; i < 6; ++i) {
            (string memory what, address account) =
                i < 3 ? ("grantRole(bytes32,address)", next) : ("revokeRole(bytes32,address)", old);
            p = _join(p, _change(address(timelock), what, roles[i % 3], account));
        }
        p.description = describe("Replace it", trainer(0));
    }

    function test_a_vote_puts_another_governor_in_place() public {
        TenWingsGovernor next = new TenWingsGovernor(members, epochs, charter, timelock, rules(), kinds());
        Proposal memory p = _moves(address(governor), address(next), [_proposer, _canceller, _executor]);
        Proposal memory late = proposal(address(runs), abi.encodeCall(IRunGovernance.setRewardCap, (RUN, 7)));
        pass(p);

        uint256 proposalId = proposeAndOpen(late);
        for (uint256 i = 0; i < 3; ++i) vote(proposalId, i, 1);
        close();
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, address(governor), _proposer
            )
        );
        queue(late);

        governor = next;
        same(runs.run(RUN).rewardCap, REWARD_CAP);
        late.description = describe("By the new governor", trainer(0));
        pass(late);
        same(runs.run(RUN).rewardCap, 7);
    }

    function test_replacing_takes_both_houses() public view {
        Proposal memory p = _moves(address(governor), address(1), [_proposer, _canceller, _executor]);
        same(uint8(governor.kindOf(p.targets, p.calldatas)), 2);
    }

    function test_a_vote_puts_another_guardian_in_place() public {
        Guardian next = new Guardian(governor, runs, trainer(1), uint48(block.timestamp + 30 days), address(timelock));
        Proposal memory p = _join(
            _change(address(timelock), "grantRole(bytes32,address)", _canceller, address(next)),
            _change(address(timelock), "revokeRole(bytes32,address)", _canceller, address(guardian))
        );
        p.description = describe("Another guardian's contract", trainer(0));
        pass(p);

        Proposal memory stopped = standard();
        uint256 proposalId = propose(stopped);
        vm.expectRevert(
            abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, proposalId, address(guardian))
        );
        stopAsGuardian(stopped);
        vm.prank(trainer(1));
        next.cancel(stopped.targets, stopped.values, stopped.calldatas, keccak256(bytes(stopped.description)));
        expectState(proposalId, IGovernor.ProposalState.Canceled);
    }
}
