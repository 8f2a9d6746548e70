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

    /// @notice The largest weight exceeds the sum of all.
    error InvalidWeights(uint128 maxWeight, uint128 totalWeight);

    /// @notice An epoch needs at least one leaf.
    error EmptyEpoch(uint256 epoch);

    /// @notice Commits the next epoch. Anyone may call with the co-signatures of K evaluators, ordered by signer.
    function commitEpoch(EpochCommit calldata commit, bytes[] calldata evaluatorSignatures) external;

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
