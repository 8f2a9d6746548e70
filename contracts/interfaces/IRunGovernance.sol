// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IArtifactRegistry} from "./IArtifactRegistry.sol";

/// @title What a vote can change about a run: spec, dataset, quorum, reward cap, head; and the bounds of specs.
/// @notice Each change holds from the next round on. Spec, dataset and parent are part of what evaluators co-sign, so a
/// round in flight under the old ones is refused and tried again.
interface IRunGovernance {
    /// @notice The numbers of a spec that the chain bounds. Nodes refuse a spec whose contents differ from them.
    /// @param innerSteps AdamW steps of a trainer between two rounds.
    /// @param learningRateMillionths Of the inner optimizer.
    /// @param batchSize Clips of an inner step.
    /// @param outerAlphaBps Step length of the outer rule, in basis points.
    /// @param minUpdates Fewer admitted updates close a round as failed.
    /// @param rewardPerRound In wei.
    /// @param trainersBps The trainers' part of it; the rest is the evaluators'.
    /// @param aggregationRule How updates become one; docs/governance.md lists the ids.
    struct SpecParams {
        uint32 innerSteps;
        uint32 learningRateMillionths;
        uint32 batchSize;
        uint32 outerAlphaBps;
        uint32 minUpdates;
        uint96 rewardPerRound;
        uint16 trainersBps;
        uint8 aggregationRule;
    }

    /// @notice Least and most of each number, both included.
    struct ParamBounds {
        SpecParams least;
        SpecParams most;
    }

    /// @notice The run's spec, in force from round `fromRound` on.
    event SpecChanged(
        uint256 indexed runId,
        uint32 version,
        bytes32 specDigest,
        bytes specCid,
        uint32 fromRound,
        SpecParams params
    );

    /// @notice Specs of new votes and new runs must lie within these bounds.
    event BoundsChanged(ParamBounds bounds);

    /// @notice The run trains on another dataset from round `fromRound` on.
    event DatasetChanged(uint256 indexed runId, bytes32 datasetDigest, uint32 fromRound);

    /// @notice K evaluators co-sign a round of the run from now on.
    event QuorumChanged(uint256 indexed runId, uint8 quorum);

    /// @notice The most that one round may emit from now on, in wei.
    event RewardCapChanged(uint256 indexed runId, uint96 rewardCap);

    /// @notice The next round starts from the checkpoint of an earlier, final round. Rewards stay as they are.
    event RolledBack(uint256 indexed runId, uint32 indexed round, bytes32 checkpointDigest);

    /// @notice The next round starts from a registered checkpoint. Rewards stay as they are.
    event CheckpointPromoted(uint256 indexed runId, bytes32 checkpointDigest, bytes checkpointCid);

    /// @notice The spec's `position`-th number (from 1, in the order of SpecParams) is `value`; the bounds are `least`
    /// and `most`.
    error ParamOutOfBounds(uint256 position, uint256 value, uint256 least, uint256 most);

    /// @notice The bounds of the `position`-th number leave nothing.
    error EmptyBounds(uint256 position, uint256 least, uint256 most);

    /// @notice The digest is not registered as a dataset.
    error NotADataset(bytes32 digest);

    /// @notice The digest is not registered as a checkpoint.
    error NotACheckpoint(bytes32 digest);

    /// @notice The dataset or checkpoint is frozen or taken down: nothing new may be made from it.
    error ArtifactNotUsable(bytes32 digest, IArtifactRegistry.State state);

    /// @notice K must be at least 1.
    error InvalidQuorum(uint8 quorum);

    /// @notice Replaces the spec. Only GOVERNANCE_ROLE.
    function setSpec(uint256 runId, bytes calldata specCid, SpecParams calldata params) external;

    /// @notice Replaces the bounds; specs in force stay. Only GOVERNANCE_ROLE.
    function setBounds(ParamBounds calldata bounds_) external;

    /// @notice Replaces the dataset by a registered one. Only GOVERNANCE_ROLE.
    function setDataset(uint256 runId, bytes32 datasetDigest) external;

    /// @notice Replaces K. Only GOVERNANCE_ROLE.
    function setQuorum(uint256 runId, uint8 quorum) external;

    /// @notice Replaces the most that one round may emit, in wei. Only GOVERNANCE_ROLE.
    function setRewardCap(uint256 runId, uint96 rewardCap) external;

    /// @notice Starts the next round from a registered checkpoint. Only GOVERNANCE_ROLE.
    function promote(uint256 runId, bytes calldata checkpointCid) external;

    /// @notice The bounds of specs.
    function bounds() external view returns (ParamBounds memory);
}
