// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GovernorTimelockControl} from
    "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {IGovernorRules} from "../interfaces/IGovernorRules.sol";

/// @title The numbers of votes, in one checkpointed word, within bounds that no vote can leave.
abstract contract GovernorRules is GovernorTimelockControl, IGovernorRules {
    using Checkpoints for Checkpoints.Trace208;

    uint256 internal constant BPS = 10_000;
    uint256 private constant MAX_SPONSORS = 20;

    Checkpoints.Trace208 private _rules;

    constructor(Rules memory rules_) {
        _setRules(rules_);
    }

    /// @inheritdoc IGovernorRules
    function setRules(Rules calldata newRules) external onlyGovernance {
        _setRules(newRules);
    }

    /// @inheritdoc IGovernorRules
    function rulesAt(uint256 timepoint) public view returns (Rules memory) {
        return _unpacked(_rules.upperLookupRecent(SafeCast.toUint48(timepoint)));
    }

    function votingDelay() public view override returns (uint256) {
        return uint32(_rules.latest() >> 136);
    }

    function votingPeriod() public view override returns (uint256) {
        return uint32(_rules.latest() >> 104);
    }

    /// @dev How many members sign a proposal of this kind, by the kind's number.
    function _sponsorsOf(uint256 kind) internal view returns (uint256) {
        return uint8(_rules.latest() >> (16 - 8 * kind));
    }

    function _setRules(Rules memory r) private {
        _within(0, r.votingDelaySeconds, 0, 30 days);
        _within(1, r.votingPeriodSeconds, 1, 60 days);
        _within(2, r.quorumBps, 1, 6667);
        _within(3, r.constitutionalQuorumBps, r.quorumBps, 8000);
        _within(4, r.majorityBps, 5001, 9000);
        _within(5, r.headsQuorumBps, 1, 8000);
        _within(6, r.vetoBps, 1, 5000);
        _within(7, r.routineSponsors, 1, MAX_SPONSORS);
        _within(8, r.standardSponsors, r.routineSponsors, MAX_SPONSORS);
        _within(9, r.constitutionalSponsors, r.standardSponsors, MAX_SPONSORS);
        _rules.push(clock(), _packed(r));
        emit RulesSet(r);
    }

    function _within(uint256 rule, uint256 value, uint256 lowest, uint256 highest) private pure {
        if (value < lowest || value > highest) revert RuleOutOfRange(rule, value, lowest, highest);
    }

    function _packed(Rules memory r) private pure returns (uint208) {
        uint256 times = (uint256(r.votingDelaySeconds) << 32) | r.votingPeriodSeconds;
        uint256 shares = (uint256(r.quorumBps) << 64) | (uint256(r.constitutionalQuorumBps) << 48)
            | (uint256(r.majorityBps) << 32) | (uint256(r.headsQuorumBps) << 16) | r.vetoBps;
        uint256 sponsors = (uint256(r.routineSponsors) << 16) | (uint256(r.standardSponsors) << 8)
            | r.constitutionalSponsors;
        return uint208((times << 104) | (shares << 24) | sponsors);
    }

    function _unpacked(uint256 word) private pure returns (Rules memory) {
        return Rules({
            votingDelaySeconds: uint32(word >> 136),
            votingPeriodSeconds: uint32(word >> 104),
            quorumBps: uint16(word >> 88),
            constitutionalQuorumBps: uint16(word >> 72),
            majorityBps: uint16(word >> 56),
            headsQuorumBps: uint16(word >> 40),
            vetoBps: uint16(word >> 24),
            routineSponsors: uint8(word >> 16),
            standardSponsors: uint8(word >> 8),
            constitutionalSponsors: uint8(word)
        });
    }
}
