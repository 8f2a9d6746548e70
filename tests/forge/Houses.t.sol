// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

import {Votes} from "./Votes.sol";
import {IGovernorRules} from "contracts/interfaces/IGovernorRules.sol";
import {ITenWingsGovernor} from "contracts/interfaces/ITenWingsGovernor.sol";

/// @title Three kinds of proposal: which calls are of which kind, and what each must reach.
contract HousesTest is Votes {
    uint8 private constant AGAINST = 0;
    uint8 private constant FOR = 1;
    uint8 private constant ABSTAIN = 2;

    function setUp() public override {
        super.setUp();
        earnMerit();
    }

    function _decided(Proposal memory p, uint8[3] memory ballots) private returns (IGovernor.ProposalState) {
        uint256 proposalId = proposeAndOpen(p);
        for (uint256 i = 0; i < 3; ++i) {
            if (ballots[i] < 3) vote(proposalId, i, ballots[i]);
        }
        close();
        return governor.state(proposalId);
    }

    function _passes(Proposal memory p, uint8 a, uint8 b, uint8 c) private {
        holds(_decided(p, [a, b, c]) == IGovernor.ProposalState.Succeeded, "it should have passed");
    }

    function _fails(Proposal memory p, uint8 a, uint8 b, uint8 c) private {
        holds(_decided(p, [a, b, c]) == IGovernor.ProposalState.Defeated, "it should have failed");
    }

    uint8 private constant NONE = 9;

    // Weights are 50, 30, 20. A routine proposal falls at 34 against.

    function test_a_routine_proposal_passes_when_nobody_votes() public {
        _passes(routine(), NONE, NONE, NONE);
    }

    function test_a_routine_proposal_passes_below_the_veto_share() public {
        _passes(routine(), NONE, AGAINST, NONE);
    }

    function test_a_routine_proposal_falls_at_the_veto_share_however_many_are_for() public {
        _fails(routine(), FOR, AGAINST, AGAINST);
    }

    // A standard one needs 20 for, and more for than against.

    function test_a_standard_proposal_passes_at_its_quorum() public {
        _passes(standard(), NONE, NONE, FOR);
    }

    function test_a_standard_proposal_without_votes_is_defeated() public {
        _fails(standard(), NONE, NONE, NONE);
    }

    function test_a_standard_proposal_falls_when_as_many_are_against() public {
        _fails(standard(), AGAINST, FOR, FOR);
    }

    // A constitutional one needs 40 for, 2 of 3 members for and more for than against, two thirds of the weight.

    function test_a_constitutional_proposal_passes_with_both_houses() public {
        _passes(constitutional(), FOR, FOR, AGAINST);
    }

    function test_weight_alone_changes_no_constitution() public {
        _fails(constitutional(), FOR, NONE, NONE); // 50 of 50 votes, but one member
    }

    function test_heads_alone_change_no_constitution() public {
        _fails(constitutional(), AGAINST, FOR, FOR); // two of three members, half of the weight
    }

    function test_a_constitutional_proposal_needs_its_quorum_of_weight() public {
        IGovernorRules.Rules memory r = rules();
        r.constitutionalQuorumBps = 5100;
        pass(ruling(r));
        Proposal memory p = constitutional();
        p.description = describe("Again", trainer(0));
        _fails(p, ABSTAIN, FOR, FOR); // 50 for, 51 needed
    }

    function test_as_many_members_against_as_for_change_no_constitution() public {
        IGovernorRules.Rules memory r = rules();
        r.headsQuorumBps = 1; // one member is enough
        pass(ruling(r));
        Proposal memory p = constitutional();
        p.description = describe("Again", trainer(0));
        _fails(p, FOR, NONE, AGAINST); // 50 of 70 by weight, one to one by heads
    }

    function test_hurdles_are_those_of_the_kind() public {
        ITenWingsGovernor.Hurdles memory h = governor.hurdles(propose(routine()));
        same(h.vetoWeight, 34);
        same(h.forWeight, 0);
        h = governor.hurdles(propose(standard()));
        same(h.forWeight, 20);
        same(h.forHeads, 0);
        h = governor.hurdles(propose(constitutional()));
        same(h.forWeight, 40);
        same(h.forHeads, 2); // half of three, rounded up
        same(h.majorityBps, 6667);
        same(governor.quorum(block.timestamp), 20);
    }

    // Kinds.

    function _kindOf(address target, bytes memory call) private view returns (uint256) {
        Proposal memory p = proposal(target, call);
        return uint256(governor.kindOf(p.targets, p.calldatas));
    }

    function test_what_no_table_names_is_standard(address target, bytes memory call) public view {
        vm.assume(target != address(governor) && target != address(timelock) && target != address(charter));
        vm.assume(target != address(runs));
        bytes4 selector = bytes4(call);
        vm.assume(selector != IAccessControl.grantRole.selector && selector != IAccessControl.revokeRole.selector);
        vm.assume(selector != IAccessControl.renounceRole.selector);
        same(_kindOf(target, call), uint256(ITenWingsGovernor.Kind.Standard));
    }

    function test_calls_to_governor_timelock_and_charter_are_constitutional(bytes memory call) public view {
        same(_kindOf(address(governor), call), uint256(ITenWingsGovernor.Kind.Constitutional));
        same(_kindOf(address(timelock), call), uint256(ITenWingsGovernor.Kind.Constitutional));
        same(_kindOf(address(charter), call), uint256(ITenWingsGovernor.Kind.Constitutional));
    }

    function test_changes_of_roles_are_constitutional_anywhere(address target, bytes32 role, address who) public view {
        uint256 most = uint256(ITenWingsGovernor.Kind.Constitutional);
        same(_kindOf(target, abi.encodeCall(IAccessControl.grantRole, (role, who))), most);
        same(_kindOf(target, abi.encodeCall(IAccessControl.revokeRole, (role, who))), most);
        same(_kindOf(target, abi.encodeCall(IAccessControl.renounceRole, (role, who))), most);
    }

    function test_a_proposal_is_of_the_highest_kind_of_its_calls() public view {
        Proposal memory p = routine();
        Proposal memory hidden = constitutional();
        address[] memory targets = new address[](3);
        bytes[] memory calldatas = new bytes[](3);
        (targets[0], calldatas[0]) = (p.targets[0], p.calldatas[0]);
        (targets[1], calldatas[1]) = (hidden.targets[0], hidden.calldatas[0]);
        (targets[2], calldatas[2]) = (p.targets[0], p.calldatas[0]);
        same(uint256(governor.kindOf(targets, calldatas)), uint256(ITenWingsGovernor.Kind.Constitutional));
    }

    function _setKind(address target, bytes4 selector, ITenWingsGovernor.Kind kind) private {
        ITenWingsGovernor.KindSetting memory setting = ITenWingsGovernor.KindSetting(target, selector, kind);
        pass(proposal(address(governor), abi.encodeCall(ITenWingsGovernor.setKind, (setting))));
    }

    function test_a_vote_changes_the_kind_of_a_function() public {
        Proposal memory p = standard();
        _setKind(address(artifacts), bytes4(p.calldatas[0]), ITenWingsGovernor.Kind.Routine);
        same(_kindOf(address(artifacts), p.calldatas[0]), uint256(ITenWingsGovernor.Kind.Routine));
    }

    function test_no_table_lowers_what_is_constitutional() public {
        _setKind(address(runs), IAccessControl.grantRole.selector, ITenWingsGovernor.Kind.Routine);
        bytes memory call = abi.encodeCall(IAccessControl.grantRole, (bytes32(0), RELAYER));
        same(_kindOf(address(runs), call), uint256(ITenWingsGovernor.Kind.Constitutional));
    }

    function test_a_proposal_whose_kind_has_changed_since_is_void() public {
        Proposal memory p = routine();
        p.description = describe("While it can be done quietly", trainer(0));
        proposeAndOpen(p);
        _setKind(address(runs), bytes4(p.calldatas[0]), ITenWingsGovernor.Kind.Constitutional);
        expectUnknown(idOf(p));
        queue(p);
    }

    function test_only_a_proposal_sets_kinds() public {
        ITenWingsGovernor.KindSetting memory setting = kinds()[0];
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorOnlyExecutor.selector, RELAYER));
        vm.prank(RELAYER);
        governor.setKind(setting);
    }

    // Rules.

    function test_new_rules_leave_open_proposals_alone() public {
        uint256 opened = block.timestamp;
        IGovernorRules.Rules memory r = rules();
        r.quorumBps = 6667;
        r.constitutionalQuorumBps = 6667;
        pass(ruling(r));
        same(governor.quorum(opened), 20);
        same(governor.quorum(block.timestamp), 67);
        same(governor.rulesAt(opened).quorumBps, 2000);
    }

    function test_only_a_proposal_sets_rules() public {
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorOnlyExecutor.selector, RELAYER));
        vm.prank(RELAYER);
        governor.setRules(rules());
    }

    function test_rules_come_out_as_they_went_in(uint256 seed) public {
        IGovernorRules.Rules memory r = rules();
        r.votingDelaySeconds = uint32(between(seed, 0, 30 days));
        r.votingPeriodSeconds = uint32(between(seed >> 32, 1, 60 days));
        r.quorumBps = uint16(between(seed >> 64, 1, 6667));
        r.constitutionalQuorumBps = uint16(between(seed >> 80, r.quorumBps, 8000));
        r.majorityBps = uint16(between(seed >> 96, 5001, 9000));
        r.headsQuorumBps = uint16(between(seed >> 112, 1, 8000));
        r.vetoBps = uint16(between(seed >> 128, 1, 5000));
        r.routineSponsors = uint8(between(seed >> 144, 1, 20));
        r.standardSponsors = uint8(between(seed >> 160, r.routineSponsors, 20));
        r.constitutionalSponsors = uint8(between(seed >> 176, r.standardSponsors, 20));
        pass(ruling(r));
        same(keccak256(abi.encode(governor.rulesAt(block.timestamp))), keccak256(abi.encode(r)));
        same(governor.votingDelay(), r.votingDelaySeconds);
        same(governor.votingPeriod(), r.votingPeriodSeconds);
    }

    function test_new_kinds_and_rules_are_told() public {
        ITenWingsGovernor.KindSetting memory s =
            ITenWingsGovernor.KindSetting(address(runs), bytes4("call"), ITenWingsGovernor.Kind.Constitutional);
        Proposal memory p = proposal(address(governor), abi.encodeCall(ITenWingsGovernor.setKind, (s)));
        passUpToExecution(p);
        vm.expectEmit(address(governor));
        emit ITenWingsGovernor.KindSet(address(runs), bytes4("call"), ITenWingsGovernor.Kind.Constitutional);
        execute(p);
        IGovernorRules.Rules memory r = rules();
        r.vetoBps = 5000;
        p = ruling(r);
        passUpToExecution(p);
        vm.expectEmit(address(governor));
        emit IGovernorRules.RulesSet(r);
        execute(p);
    }

    function test_exactly_the_voted_majority_changes_the_constitution() public {
        IGovernorRules.Rules memory r = rules();
        r.majorityBps = 8000;
        pass(ruling(r));
        Proposal memory p = constitutional();
        uint256 proposalId = proposeAndOpen(p);
        vote(proposalId, 0, 1);
        vote(proposalId, 1, 1);
        vote(proposalId, 2, 0); // 80 of 100
        close();
        expectState(proposalId, IGovernor.ProposalState.Succeeded);
    }
}
