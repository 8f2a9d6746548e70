// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {Votes} from "./Votes.sol";
import {Descriptions} from "contracts/governor/Descriptions.sol";
import {ISignedRequests} from "contracts/interfaces/ISignedRequests.sol";
import {ITenWingsGovernor} from "contracts/interfaces/ITenWingsGovernor.sol";

/// @title Who may propose, and what a description must say.
contract SponsorsTest is Votes {
    function setUp() public override {
        super.setUp();
        earnMerit();
    }

    function test_a_relayer_brings_a_proposal_that_enough_members_signed() public {
        Proposal memory p = constitutional();
        vm.prank(RELAYER);
        uint256 proposalId = send(p, trainer(0), sponsored(idOf(p), 2));
        same(governor.proposalProposer(proposalId), trainer(0));
    }

    function test_who_sponsors_beside_the_proposer_is_told() public {
        Proposal memory p = constitutional();
        uint256 proposalId = idOf(p);
        ITenWingsGovernor.Sponsor[] memory sponsors = sponsored(proposalId, 2);
        vm.expectEmit(address(governor));
        emit ITenWingsGovernor.ProposalSponsored(proposalId, trainer(1));
        send(p, trainer(0), sponsors);
    }

    function test_weight_does_not_replace_heads() public {
        Proposal memory p = constitutional();
        ITenWingsGovernor.Sponsor[] memory alone = sponsored(idOf(p), 1); // half of all weight
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.TooFewSponsors.selector, 1, 2));
        send(p, trainer(0), alone);
    }

    function test_a_lower_kind_needs_fewer_sponsors() public {
        Proposal memory p = routine();
        send(p, trainer(0), sponsored(idOf(p), 1));
    }

    function test_one_sponsor_does_not_count_twice() public {
        Proposal memory p = constitutional();
        ITenWingsGovernor.Sponsor[] memory twice = sponsored(idOf(p), 2);
        twice[1] = twice[0];
        vm.expectRevert(
            abi.encodeWithSelector(
                ITenWingsGovernor.SponsorsNotAscending.selector, twice[0].account, twice[0].account
            )
        );
        send(p, trainer(0), twice);
    }

    function test_the_proposer_must_have_signed() public {
        Proposal memory p = standard();
        ITenWingsGovernor.Sponsor[] memory others = new ITenWingsGovernor.Sponsor[](1);
        bytes32 digest = statement(idOf(p), trainer(0), LATER);
        others[0] = ITenWingsGovernor.Sponsor(trainer(1), sign(trainerKeys[1], digest));
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.ProposerIsNoSponsor.selector, trainer(0)));
        send(p, trainer(0), others);
    }

    function test_a_suspended_sponsor_does_not_count() public {
        Proposal memory p = constitutional();
        vm.prank(address(timelock));
        members.setActive(trainerId(1), false);
        ITenWingsGovernor.Sponsor[] memory sponsors = sponsored(idOf(p), 2);
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.NotAnActiveMember.selector, trainer(1)));
        send(p, trainer(0), sponsors);
    }

    function test_a_signature_under_another_proposal_is_refused() public {
        Proposal memory p = standard();
        ITenWingsGovernor.Sponsor[] memory sponsors = sponsored(idOf(routine()), 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISignedRequests.InvalidSignature.selector, sponsors[0].account, sponsors[0].signature
            )
        );
        send(p, trainer(0), sponsors);
    }

    function test_an_expired_signature_is_refused() public {
        Proposal memory p = standard();
        ITenWingsGovernor.Sponsor[] memory sponsors = sponsored(idOf(p), 1);
        vm.warp(uint256(LATER) + 1);
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.RequestExpired.selector, LATER, uint256(LATER) + 1));
        send(p, trainer(0), sponsors);
    }

    function test_a_signed_proposal_is_not_replayed() public {
        Proposal memory p = standard();
        ITenWingsGovernor.Sponsor[] memory sponsors = sponsored(idOf(p), 1);
        send(p, trainer(0), sponsors);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        send(p, trainer(0), sponsors);
    }

    /// @dev Attack: one member floods the community with more proposals that pass in silence than anybody can veto.
    function test_a_member_has_one_open_routine_proposal() public {
        Proposal memory p = routine();
        uint256 first = proposeAndOpen(p);
        Proposal memory next = routine();
        next.description = describe("And another", trainer(0));
        ITenWingsGovernor.Sponsor[] memory sponsors = sponsored(idOf(next), 1);
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.RoutineStillOpen.selector, first));
        send(next, trainer(0), sponsors);
        close();
        send(next, trainer(0), sponsors);
        Proposal memory other = standard();
        send(other, trainer(0), sponsored(idOf(other), 1));
    }

    function test_an_outsider_cannot_propose() public {
        Proposal memory p = standard();
        p.description = describe("Change it", vm.addr(OUTSIDER_KEY));
        ITenWingsGovernor.Sponsor[] memory sponsors = new ITenWingsGovernor.Sponsor[](1);
        bytes32 digest = statement(idOf(p), vm.addr(OUTSIDER_KEY), LATER);
        sponsors[0] = ITenWingsGovernor.Sponsor(vm.addr(OUTSIDER_KEY), sign(OUTSIDER_KEY, digest));
        vm.expectRevert(
            abi.encodeWithSelector(ITenWingsGovernor.NotAnActiveMember.selector, vm.addr(OUTSIDER_KEY))
        );
        send(p, vm.addr(OUTSIDER_KEY), sponsors);
    }

    function test_a_transaction_of_its_own_is_no_way_to_propose() public {
        Proposal memory p = standard();
        vm.expectRevert(ITenWingsGovernor.SponsorsRequired.selector);
        vm.prank(trainer(0));
        governor.propose(p.targets, p.values, p.calldatas, p.description);
    }

    function test_a_proposal_without_calls_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidProposalLength.selector, 0, 0, 0));
        governor.proposeBySig(
            trainer(0),
            new address[](0),
            new uint256[](0),
            new bytes[](0),
            describe("Nothing", trainer(0)),
            LATER,
            new ITenWingsGovernor.Sponsor[](0)
        );
    }

    function test_each_call_has_a_target_a_value_and_data() public {
        Proposal memory p = standard();
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidProposalLength.selector, 1, 1, 2));
        governor.getProposalId(p.targets, new uint256[](2), p.calldatas, 0);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidProposalLength.selector, 1, 2, 1));
        governor.getProposalId(p.targets, p.values, new bytes[](2), 0);
    }

    // Descriptions.

    function _expectRefused(string memory description, bytes memory reason) private {
        Proposal memory p = standard();
        p.description = description;
        ITenWingsGovernor.Sponsor[] memory sponsors = sponsored(idOf(p), 1);
        vm.expectRevert(reason);
        send(p, trainer(0), sponsors);
    }

    function _ending(string memory last) private view returns (string memory) {
        return string.concat("Change it", last, Strings.toHexString(trainer(0)));
    }

    function test_a_description_without_its_proposer_is_refused(string memory description) public {
        _expectRefused(
            description, abi.encodeWithSelector(IGovernor.GovernorRestrictedProposer.selector, trainer(0))
        );
    }

    function test_every_address_is_read_as_openzeppelin_writes_it(address proposer) public view {
        string memory description = string.concat("#article=1\n#proposer=", Strings.toHexString(proposer));
        holds(this.namesProposer(description, proposer), "it names its proposer");
        holds(!this.namesProposer(description, address(uint160(proposer) ^ 1)), "and nobody else");
    }

    function namesProposer(string calldata description, address proposer) external pure returns (bool) {
        return Descriptions.names(description, proposer);
    }

    function test_the_proposers_address_alone_is_no_suffix() public {
        _expectRefused(
            _ending("\n#article=1\n#sponsor="),
            abi.encodeWithSelector(IGovernor.GovernorRestrictedProposer.selector, trainer(0))
        );
    }

    function test_a_proposal_must_name_an_article() public {
        bytes memory missing = abi.encodeWithSelector(ITenWingsGovernor.ArticleMissing.selector);
        _expectRefused(_ending("\n#proposer="), missing);
        _expectRefused(_ending("\n#article=\n#proposer="), missing);
        _expectRefused(_ending("\n#article=0\n#proposer="), missing);
        _expectRefused(_ending("\n#article=1234\n#proposer="), missing);
        _expectRefused(_ending("\n#article=1 \n#proposer="), missing);
        _expectRefused(_ending("\n#article=x\n#proposer="), missing);
        _expectRefused(_ending(" #article=1 #proposer="), missing);
        _expectRefused(string.concat("#proposer=", Strings.toHexString(trainer(0))), missing);
        _expectRefused(string.concat("1\n#proposer=", Strings.toHexString(trainer(0))), missing);
    }

    function test_the_article_must_be_one_of_the_charter(uint256 article) public {
        article = between(article, NUM_ARTICLES + 1, 999);
        _expectRefused(
            _ending(string.concat("\n#article=", Strings.toString(article), "\n#proposer=")),
            abi.encodeWithSelector(ITenWingsGovernor.UnknownArticle.selector, article, NUM_ARTICLES)
        );
    }

    function test_the_last_article_can_be_named_and_a_description_can_be_nothing_more() public {
        Proposal memory p = standard();
        p.description = string.concat("#article=7\n#proposer=", Strings.toHexString(trainer(0)));
        propose(p);
        p.description = string.concat("#article=007\n#proposer=", Strings.toHexString(trainer(0)));
        propose(p);
    }
}

contract NoEpochTest is Votes {
    function test_nothing_is_proposed_before_an_epoch_is_final() public {
        Proposal memory p = standard();
        ITenWingsGovernor.Sponsor[] memory sponsors = sponsored(idOf(p), 1);
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.NoFinalEpoch.selector, START));
        send(p, trainer(0), sponsors);
    }
}
