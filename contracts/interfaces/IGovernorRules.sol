// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The numbers that votes run by: all in one word, all changed by one constitutional proposal.
interface IGovernorRules {
    /// @param votingDelaySeconds From a proposal to its snapshot; at most 30 days.
    /// @param votingPeriodSeconds How long a vote is open; for a routine proposal the time to object. 1 second to 60 days.
    /// @param quorumBps Share of all weight that must vote for a standard proposal; 1 to 6,667.
    /// @param constitutionalQuorumBps The same for a constitutional one; `quorumBps` to 8,000.
    /// @param majorityBps Share of the weight for or against that must be for a constitutional one; 5,001 to 9,000.
    /// @param headsQuorumBps Share of the epoch's members that must vote for a constitutional one; 1 to 8,000.
    /// @param vetoBps Share of all weight that, voting against, stops a routine proposal; 1 to 5,000.
    /// @param routineSponsors How many members sign a routine proposal, its proposer included; 1 to 20.
    /// @param standardSponsors The same for a standard one; `routineSponsors` to 20.
    /// @param constitutionalSponsors The same for a constitutional one; `standardSponsors` to 20.
    struct Rules {
        uint32 votingDelaySeconds;
        uint32 votingPeriodSeconds;
        uint16 quorumBps;
        uint16 constitutionalQuorumBps;
        uint16 majorityBps;
        uint16 headsQuorumBps;
        uint16 vetoBps;
        uint8 routineSponsors;
        uint8 standardSponsors;
        uint8 constitutionalSponsors;
    }

    /// @notice The rules for proposals whose snapshot comes after this.
    event RulesSet(Rules rules);

    /// @notice Field number `rule` of the rules, counted from 0, must be `lowest` to `highest`.
    error RuleOutOfRange(uint256 rule, uint256 value, uint256 lowest, uint256 highest);

    /// @notice Sets all rules, for proposals whose snapshot comes after this change. Only by a constitutional proposal.
    function setRules(Rules calldata newRules) external;

    /// @notice The rules at `timepoint` (Unix seconds).
    function rulesAt(uint256 timepoint) external view returns (Rules memory);
}
