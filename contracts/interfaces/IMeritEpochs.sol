// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEvaluatorQuorum} from "./IEvaluatorQuorum.sol";
import {ITrainingRuns} from "./ITrainingRuns.sol";

/// @title Vote weights: one tree per epoch, earned by verified work, not transferable.
/// @notice EIP-712 domain: name "TenWings MeritEpochs", version "1". A leaf hashes as keccak256(keccak256(abi.encode(
/// keccak256("TenWings merit"), chainid, address of this contract, epoch, memberId, account, merit, weight))).
interface IMeritEpochs is IEvaluatorQuorum {
    /// @notice What evaluators co-sign. EIP-712 type:
    /// EpochCommit(uint256 epoch,uint256 runId,uint32 uptoRound,bytes32 root,uint128 totalWeight,uint128 maxWeight,
    /// uint32 count,bytes treeCid) (one line, no spaces).
    /// @param epoch Last epoch + 1.
    /// @param runId The run whose rounds are counted, and whose K applies.
    /// @param uptoRound Last round counted; must be final.
    /// @param totalWeight Sum of the weights.
    /// @param maxWeight The largest weight.
    /// @param count Number of leaves.
    /// @param treeCid The whole tree.
    struct EpochCommit {
        uint256 epoch;
        uint256 runId;
        uint32 uptoRound;
        bytes32 root;
        uint128 totalWeight;
        uint128 maxWeight;
        uint32 count;
        bytes treeCid;
    }

    /// @notice An epoch as stored.
    /// @param finalAt First second (Unix time) at which its weights may vote.
    struct Epoch {
        bytes32 root;
        uint128 totalWeight;
        uint128 maxWeight;
        uint64 runId;
        uint32 uptoRound;
        uint32 count;
        uint48 finalAt;
    }

    /// @notice What an epoch must keep to.
    /// @param maxShareBps Largest share of all weight that one member may hold, in basis points. Where so few members
    /// cannot keep it, twice an equal share holds instead.
    /// @param maxGrowthBps The sum of all weights is at most this share of the last epoch's, in basis points.
    struct Bounds {
        uint16 maxShareBps;
        uint32 maxGrowthBps;
    }

    /// @notice Epochs keep to these bounds from now on.
    event MeritBoundsSet(Bounds bounds);

    /// @notice An epoch was committed; it is final from `finalAt` on.
    event EpochCommitted(
        uint256 indexed epoch,
        uint256 indexed runId,
        uint32 uptoRound,
        bytes32 root,
        uint128 totalWeight,
        uint128 maxWeight,
        uint32 count,
        bytes treeCid,
        uint48 finalAt
    );

    /// @notice The next epoch is `expected`.
    error WrongEpoch(uint256 epoch, uint256 expected);

    /// @notice The last round counted is not final.
    error RoundNotFinal(uint256 runId, uint32 round);

    /// @notice The largest weight exceeds the sum of all, or the sum needs more than the governor's 56 bits.
    error InvalidWeights(uint128 maxWeight, uint128 totalWeight);

    /// @notice The largest weight exceeds the allowed share of the sum.
    error ShareAboveCap(uint128 maxWeight, uint128 totalWeight, uint32 count);

    /// @notice The sum of all weights grew too fast: at most `limit`.
    error GrowthAboveCap(uint128 totalWeight, uint256 limit);

    /// @notice More leaves than members ever joined.
    error MoreLeavesThanMembers(uint32 count, uint256 numMembers);

    /// @notice A share must be 1 to 10,000 basis points, growth 10,000 (none) to 100,000.
    error InvalidBounds(uint16 maxShareBps, uint32 maxGrowthBps);

    /// @notice An epoch needs at least one leaf.
    error EmptyEpoch(uint256 epoch);

    /// @notice Commits the next epoch. Anyone may call with the co-signatures of K evaluators, ordered by signer. K is the
    /// quorum of the run, or of the run that the epoch before was taken from where that is larger.
    function commitEpoch(EpochCommit calldata commit, bytes[] calldata evaluatorSignatures) external;

    /// @notice Sets the bounds of later epochs. Only GOVERNANCE_ROLE.
    function setBounds(Bounds calldata newBounds) external;

    /// @notice The bounds of the next epoch.
    function bounds() external view returns (Bounds memory);

    /// @notice An epoch; all zero if there is none.
    function epoch(uint256 number) external view returns (Epoch memory);

    /// @notice The newest epoch that is final at `timepoint` (Unix seconds); 0 if there is none.
    function finalEpochAt(uint256 timepoint) external view returns (uint256);

    /// @notice How many epochs were committed; the last id.
    function numEpochs() external view returns (uint256);

    /// @notice Seconds from an epoch's commit to its being final.
    function finalityDelaySeconds() external view returns (uint32);

    /// @notice Whether the epoch's tree grants this merit and weight; false for a weight above the epoch's largest.
    function verify(
        uint256 number,
        uint256 memberId,
        address account,
        uint256 merit,
        uint256 weight,
        bytes32[] calldata proof
    ) external view returns (bool);

    /// @notice The hash of a leaf in an epoch's tree.
    function leafHash(uint256 number, uint256 memberId, address account, uint256 merit, uint256 weight)
        external
        view
        returns (bytes32);

    /// @notice Where final rounds are read from.
    function trainingRuns() external view returns (ITrainingRuns);
}
